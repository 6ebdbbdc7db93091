/** Where a command writes, and what that place can show. */
export interface Terminal {
  /** Results. */
  out(text: string): void;
  /** Everything else. */
  note(text: string): void;
  /** Unit: characters. */
  readonly columns: number;
  readonly color: boolean;
  /** Aborts on the first interrupt. */
  readonly signal: AbortSignal;
}

const COLUMNS_DEFAULT = 100;
const COLUMNS_MIN = 40;
const COLUMNS_MAX = 120;

/** The process's own terminal. `NO_COLOR`, `TERM=dumb` and a pipe turn colours off. */
export function processTerminal(signal: AbortSignal): Terminal {
  const { stdout, stderr, env } = process;
  const width = stdout.columns ?? COLUMNS_DEFAULT;
  return {
    out: (text) => void stdout.write(text),
    note: (text) => void stderr.write(text),
    columns: Math.min(COLUMNS_MAX, Math.max(COLUMNS_MIN, width)),
    color: stdout.isTTY === true && (env["NO_COLOR"] ?? "") === "" && env["TERM"] !== "dumb",
    signal,
  };
}

/** Colours by what they mean. */
export type Tone = "good" | "bad" | "faint" | "strong";

const CODES: { readonly [Name in Tone]: string } = { good: "32", bad: "31;1", faint: "2", strong: "1" };

/** Wraps text in a colour, where there is one. */
export function paint(terminal: Pick<Terminal, "color">, tone: Tone, text: string): string {
  return terminal.color ? `\u001b[${CODES[tone]}m${text}\u001b[0m` : text;
}
