import type { AuditEvent, AuditReceipt, AuditSink } from "@vram-residency/types";
import { unavailable } from "../unavailable.ts";
import { type AuditLogOptions, checkedOptions } from "./options.ts";

/** What opening a log found, in plain data. */
export interface OpenedReport {
  /** "new": there was no log; "clean": the last process closed it; "unclean": it did not. */
  readonly found: "new" | "clean" | "unclean";
  /** How many records there were. */
  readonly records: number;
  /** The newest checkpoint's size; 0 when there was none. */
  readonly signed: number;
  /** The epoch before; missing in a new log. Shape: 32 hexadecimal digits. */
  readonly previousEpoch?: string;
  /** True when something was cut off and recorded as `AuditRecovered`. */
  readonly recovered: boolean;
  /** True when whole records were cut off with it: a power loss, or somebody's hand. */
  readonly suspect: boolean;
  /** Seals of the last process that nothing had closed; each has its `VramLost` now. */
  readonly lostSeals: number;
  /** What was cut off and put aside. Unit: bytes. */
  readonly abandonedBytes: number;
}

/** The durable, tamper-evident log (docs/spec/audit-v1.md). */
export class AuditLog implements AuditSink {
  /** Shape: 32 hexadecimal digits. */
  readonly log: string = "";
  /** This writer. Shape: 32 hexadecimal digits. */
  readonly epoch: string = "";
  /** The verifier key, as in `log.pub`. */
  readonly publicKey: string = "";
  readonly opened: OpenedReport;
  readonly state: "ready" | "failed" | "closed" = "ready";

  private constructor(opened: OpenedReport) {
    this.opened = opened;
  }

  /** Opens the log of a directory, or makes one. */
  static async open(from: AuditLogOptions): Promise<AuditLog> {
    checkedOptions(from);
    throw unavailable("not written yet");
  }

  async append(_event: AuditEvent): Promise<AuditReceipt> {
    throw unavailable("not written yet");
  }

  /** Signs what is recorded so far. @returns The checkpoint's bytes. */
  async checkpoint(): Promise<Uint8Array> {
    throw unavailable("not written yet");
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
