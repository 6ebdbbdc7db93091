/** What opening a log found, in plain data. */
export interface OpenedReport {
  /** "new": there was no log; "clean": the last process closed it; "unclean": it did not. */
  readonly found: "new" | "clean" | "unclean";
  /** How many records there were that hold. */
  readonly records: number;
  /** The newest checkpoint's size; 0 when there was none. */
  readonly signed: number;
  /** The last writer; missing in a new log. Shape: 32 hexadecimal digits. */
  readonly previousEpoch?: string;
  /** True when something was cut off, now or by an opening that died, and recorded as `AuditRecovered`. */
  readonly recovered: boolean;
  /** True when whole records were cut off with it: a power loss, or somebody's hand. */
  readonly suspect: boolean;
  /** Seals that nothing had closed; each has its `VramLost` now. */
  readonly lostSeals: number;
  /** What was cut off and put aside in `torn-*`. Unit: bytes. */
  readonly abandonedBytes: number;
}
