import type { Terminal } from "../src/terminal.ts";

/** A terminal that remembers. */
export interface FakeTerminal extends Terminal {
  readonly stdout: () => string;
  readonly stderr: () => string;
}

export function fakeTerminal(
  options: { columns?: number; color?: boolean; signal?: AbortSignal } = {},
): FakeTerminal {
  let out = "";
  let err = "";
  return {
    out: (text) => {
      out += text;
    },
    note: (text) => {
      err += text;
    },
    columns: options.columns ?? 100,
    color: options.color ?? false,
    signal: options.signal ?? new AbortController().signal,
    stdout: () => out,
    stderr: () => err,
  };
}
