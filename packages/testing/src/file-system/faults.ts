import { systemError } from "./tree.ts";

/** Calls that can be made to fail. */
export type FileOperation =
  | "open"
  | "read"
  | "write"
  | "dataSync"
  | "truncate"
  | "stat"
  | "list"
  | "makeDirectory"
  | "rename"
  | "remove"
  | "syncDirectory"
  | "realPath";

/** One file call that goes wrong. */
export type FileFault =
  | {
      readonly operation: FileOperation;
      /** Which call of it, counted from 1. */
      readonly at: number;
      /** Such as "ENOSPC", "EIO", "EACCES". */
      readonly code: string;
    }
  | {
      /** A read or write that moves less than it was asked to. */
      readonly operation: "read" | "write";
      readonly at: number;
      readonly shortBytes: number;
    };

/** Counts file calls and decides which go wrong. */
export class FileFaults {
  readonly #counts = new Map<FileOperation, number>();
  readonly #script: FileFault[] = [];
  readonly #fired: string[] = [];

  /** Adds a fault; `at` counts from the calls made so far. */
  add(fault: FileFault): void {
    this.#script.push({ ...fault, at: fault.at + this.calls(fault.operation) });
  }

  calls(operation: FileOperation): number {
    return this.#counts.get(operation) ?? 0;
  }

  fired(): readonly string[] {
    return this.#fired;
  }

  /**
   * Counts one call.
   *
   * @param bytes - How many the call would move.
   * @returns How many it may move.
   * @throws The scripted error.
   */
  meet(operation: FileOperation, bytes = 0): number {
    const call = this.calls(operation) + 1;
    this.#counts.set(operation, call);
    const fault = this.#script.find((one) => one.operation === operation && one.at === call);
    if (fault === undefined) return bytes;
    if ("code" in fault) {
      this.#fired.push(`${operation}#${call}: ${fault.code}`);
      throw systemError(fault.code, operation);
    }
    this.#fired.push(`${operation}#${call}: short`);
    return Math.min(bytes, fault.shortBytes);
  }
}
