/** What a verification came to. */
export type Verdict = "sound" | "tampered" | "truncated" | "unsigned-tail-old" | "not-sealed";

/** The exit code of each verdict, and of a call or an environment that allowed none. */
export const VERDICT_EXIT: { readonly [Name in Verdict | "usage" | "environment"]: number } = {
  sound: 0,
  tampered: 1,
  usage: 2,
  environment: 3,
  truncated: 10,
  "unsigned-tail-old": 11,
  "not-sealed": 12,
};

/**
 * What a verdict rests on: a key that the log itself names (which proves only the absence of accidents), a key that the
 * caller brought, or a checkpoint that was kept outside.
 */
export type Trust = "self-asserted" | "pinned" | "anchored";

/** The first record that is wrong, or that nothing vouches for. */
export interface BadPlace {
  readonly seq: number;
  /** First sequence number of its segment. */
  readonly segment: number;
  /** Where its line starts. Unit: bytes from the start of the segment. */
  readonly offset: number;
  /** What does not hold there. */
  readonly rule: string;
}

/** The answer of a verification. */
export interface LogReport {
  readonly verdict: Verdict;
  readonly trust: Trust;
  /** The log's id; missing when no record could be read. */
  readonly log?: string;
  /** Sequence number of the first record; over 0 in a pruned log. */
  readonly firstSeq: number;
  /** How many records hold, those that were pruned included. */
  readonly records: number;
  /** How many of them a checkpoint covers. */
  readonly signed: number;
  /** Whether MACs were checked too. */
  readonly macs: "checked" | "unchecked";
  /** What is left over behind the last newline, as beside a live writer. Unit: bytes. */
  readonly tornBytes: number;
  /** What a failed sync left behind in segments that were given up. Unit: bytes. */
  readonly abandonedBytes: number;
  /** With "tampered". */
  readonly bad?: BadPlace;
}
