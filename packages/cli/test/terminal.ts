import type { Terminal } from "../src/terminal.ts";

/** A terminal that remembers. */
export interface FakeTerminal extends Terminal {
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Every status line, in order. */
  readonly statuses: readonly string[];
}

export function fakeTerminal(
  options: {
    readonly columns?: number;
    readonly color?: boolean;
    readonly signal?: AbortSignal;
    /** Standard input. */
    readonly input?: string | Uint8Array;
  } = {},
): FakeTerminal {
  let out = "";
  let err = "";
  const statuses: string[] = [];
  return {
    out: (text) => {
      out += text;
    },
    note: (text) => {
      err += text;
    },
    status: (text) => {
      statuses.push(text);
    },
    async *input() {
      const { input = "" } = options;
      yield typeof input === "string" ? new TextEncoder().encode(input) : input;
    },
    columns: options.columns ?? 100,
    color: options.color ?? false,
    signal: options.signal ?? new AbortController().signal,
    stdout: () => out,
    stderr: () => err,
    statuses,
  };
}
