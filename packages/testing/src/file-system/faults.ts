import { systemError } from "./tree.ts";

/** Calls that can be made to go wrong. */
export type FileOperation =
  | "open"
  | "read"
  | "write"
  | "dataSync"
  | "truncate"
  | "close"
  | "stat"
  | "list"
  | "makeDirectory"
  | "rename"
  | "remove"
  | "syncDirectory"
  | "realPath";

interface Target {
  /** "any" counts every call. */
  readonly operation: FileOperation | "any";
  /** Which call of it, counted from 1. */
  readonly at: number;
}

/** One file call that goes wrong. */
export type FileFault =
  | (Target & {
      /** Such as "ENOSPC", "EIO", "EINTR", "EACCES". */
      readonly code: string;
      /**
       * What has happened all the same. "all": the call did its work, and only its answer is bad. "dropped": of a `dataSync`, the
       * unsynced pages count as clean, as on Linux: later syncs succeed and write nothing of them. Default "nothing".
       */
      readonly effect?: "nothing" | "all" | "dropped";
    })
  | {
      /** A read or write that moves less than it was asked to. */
      readonly operation: "read" | "write";
      readonly at: number;
      readonly shortBytes: number;
    }
  | (Target & {
      /** The call does nothing before this settles. */
      readonly until: Promise<unknown>;
    })
  | (Target & {
      /** The process dies before or after the call did its work: neither this call nor a later one ever settles. */
      readonly halt: "before" | "after";
    });

/** What a call does. */
export interface FileCall<Result> {
  /** How many bytes it would move. */
  readonly bytes?: number;
  /** Does the work. @param bytes - How many may be moved. */
  readonly work: (bytes: number) => Result;
  /** Forgets what a failed sync was to write. */
  readonly drop?: () => void;
}

/** Counts file calls and decides which go wrong. */
export class FileFaults {
  readonly #counts = new Map<FileOperation | "any", number>();
  readonly #script: FileFault[] = [];
  readonly #fired: string[] = [];
  readonly #halt: () => void;
  #halted = false;
  /** Settles when a fault has ended the process. */
  readonly halted: Promise<void>;

  constructor() {
    let halt = (): void => {};
    this.halted = new Promise((resolve) => {
      halt = resolve;
    });
    this.#halt = halt;
  }

  /** Adds a fault; `at` counts from the calls made so far. */
  add(fault: FileFault): void {
    this.#script.push({ ...fault, at: fault.at + this.calls(fault.operation) });
  }

  calls(operation: FileOperation | "any"): number {
    return this.#counts.get(operation) ?? 0;
  }

  fired(): readonly string[] {
    return this.#fired;
  }

  /**
   * Makes one call, as the script has it.
   *
   * @throws The scripted error, or what the work throws.
   */
  async run<Result>(operation: FileOperation, call: FileCall<Result>): Promise<Result> {
    const fault = this.#next(operation);
    if (fault !== undefined && "until" in fault) await fault.until;
    if (fault !== undefined && "halt" in fault && fault.halt === "before") this.#die();
    if (this.#halted) return never();
    const { bytes = 0 } = call;
    if (fault !== undefined && "code" in fault) {
      if (fault.effect === "dropped") call.drop?.();
      if (fault.effect === "all") call.work(bytes);
      throw systemError(fault.code, operation);
    }
    const result = call.work(
      fault !== undefined && "shortBytes" in fault ? Math.min(bytes, fault.shortBytes) : bytes,
    );
    if (fault === undefined || !("halt" in fault)) return result;
    this.#die();
    return never();
  }

  #next(operation: FileOperation): FileFault | undefined {
    if (this.#halted) return undefined;
    for (const name of [operation, "any"] as const) this.#counts.set(name, this.calls(name) + 1);
    const fault = this.#script.find((one) => one.at === this.calls(one.operation) && meets(one, operation));
    if (fault !== undefined) this.#fired.push(`${operation}#${this.calls(operation)}: ${nameOf(fault)}`);
    return fault;
  }

  #die(): void {
    this.#halted = true;
    this.#halt();
  }
}

function meets(fault: FileFault, operation: FileOperation): boolean {
  return fault.operation === "any" || fault.operation === operation;
}

function nameOf(fault: FileFault): string {
  if ("code" in fault) return fault.code;
  if ("shortBytes" in fault) return "short";
  return "until" in fault ? "held" : `halt ${fault.halt}`;
}

function never(): Promise<never> {
  return new Promise(() => {});
}
