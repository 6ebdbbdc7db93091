import { cut } from "./text.ts";

/** Where a command reads and writes, and what that place can show. */
export interface Terminal {
  /** Results. */
  out(text: string): void;
  /** Everything else. */
  note(text: string): void;
  /** One line that the next one replaces, where somebody watches; nothing elsewhere. The empty text removes it. */
  status(text: string): void;
  /** Standard input. Can be read once. */
  input(): AsyncIterable<Uint8Array>;
  /** Unit: characters. */
  readonly columns: number;
  readonly color: boolean;
  /** Aborts on the first interrupt. */
  readonly signal: AbortSignal;
}

const COLUMNS_DEFAULT = 100;
const COLUMNS_MIN = 40;
const COLUMNS_MAX = 120;
const CLEAR_LINE = "\r\u001b[K";

/** The process's own terminal. `NO_COLOR`, `TERM=dumb` and a pipe turn colours off; a dumb one and a pipe, the status. */
export function processTerminal(signal: AbortSignal): Terminal {
  const { stdout, stderr, env } = process;
  // A terminal that does not know its size says 0.
  const width = stdout.columns || stderr.columns || COLUMNS_DEFAULT;
  const columns = Math.min(COLUMNS_MAX, Math.max(COLUMNS_MIN, width));
  const clever = env["TERM"] !== "dumb";
  const status = statusLine((text) => void stderr.write(text), columns, clever && stderr.isTTY === true);
  return {
    out(text) {
      status("");
      stdout.write(text);
    },
    note(text) {
      status("");
      stderr.write(text);
    },
    status,
    input: () => process.stdin,
    columns,
    color: clever && stdout.isTTY === true && (env["NO_COLOR"] ?? "") === "",
    signal,
  };
}

/** A line that is written over. @param shown - False: it is never written at all. */
export function statusLine(
  write: (text: string) => void,
  columns: number,
  shown: boolean,
): Terminal["status"] {
  let current = "";
  return (text) => {
    if (!shown || text === current) return;
    // One column is left free: some terminals wrap when the last is written.
    write(`${CLEAR_LINE}${cut(text, columns - 1)}`);
    current = text;
  };
}

/** Colours by what they mean. */
export type Tone = "good" | "bad" | "faint" | "strong";

const CODES: { readonly [Name in Tone]: string } = { good: "32", bad: "31;1", faint: "2", strong: "1" };

/** Wraps text in a colour, where there is one. */
export function paint(terminal: Pick<Terminal, "color">, tone: Tone, text: string): string {
  return terminal.color ? `\u001b[${CODES[tone]}m${text}\u001b[0m` : text;
}

/** Prints the one document of `--json`. @param command - Names the schema: `docs/schemas/COMMAND.schema.json`. */
export function printDocument(terminal: Terminal, command: string, kind: string, body: object): void {
  const document = { apiVersion: `vram-residency.${command}/v1`, kind, ...body };
  terminal.out(`${JSON.stringify(document, null, 2)}\n`);
}
