import { printable } from "@vram-residency/audit";
import type { AuditLine } from "@vram-residency/audit/log";
import type { JsonValue } from "@vram-residency/types";
import { paint, type Terminal, type Tone } from "../terminal.ts";
import { cut, wrap } from "../text.ts";

const TONES: { readonly [Name in AuditLine["severity"]]: Tone } = {
  info: "faint",
  warning: "strong",
  critical: "bad",
};
/** Below this, a record's time has a line of its own. Unit: characters. */
const NARROW_COLUMNS = 72;
const INDENT = "    ";
const VALUE_LENGTH_MAX = 64;
/** A space where no line may break. */
const BOUND = "\u00a0";
/** What tells a person nothing: keys, and the tree's hashes. */
const UNTELLING: readonly string[] = ["macKey", "key", "frontier"];

/** A record for people: number, time, severity and type, and below them what its data tells. */
export function recordText(line: AuditLine, terminal: Pick<Terminal, "columns" | "color">): string {
  const { seq, time, severity, type, data } = line;
  const mark = paint(terminal, TONES[severity], severity.padEnd(8));
  const name = paint(terminal, "strong", type);
  const head =
    terminal.columns < NARROW_COLUMNS
      ? `${seq} ${time}\n${INDENT}${mark} ${name}`
      : `${String(seq).padStart(6)}  ${time}  ${mark}  ${name}`;
  const indent = terminal.columns < NARROW_COLUMNS ? INDENT : " ".repeat(8);
  const room = terminal.columns - indent.length;
  const facts = Object.entries(data)
    .filter(([key]) => !UNTELLING.includes(key))
    .map(([key, value]) => cut(`${key}=${valueText(value)}`, room))
    .join(" ");
  const lines = facts === "" ? [] : wrap(facts, room).map((text) => indent + text.replaceAll(BOUND, " "));
  return `${[head, ...lines].join("\n")}\n`;
}

/** A value that wrapping never divides. */
function valueText(value: JsonValue): string {
  if (typeof value !== "string") {
    return cut(escaped(JSON.stringify(value)), VALUE_LENGTH_MAX).replaceAll(" ", BOUND);
  }
  if (/^[0-9a-f]{32,}$/.test(value)) return `${value.slice(0, 12)}…`;
  const text = printable(value, VALUE_LENGTH_MAX);
  return /^[\w./:@+-]+$/.test(text) ? text : JSON.stringify(text).replaceAll(" ", BOUND);
}

/** A record as one line of JSON that says the same, with every character that could steer a terminal escaped. */
export function recordJson({ bytes }: { readonly bytes: Uint8Array }): string {
  return `${escaped(new TextDecoder().decode(bytes))}\n`;
}

function escaped(json: string): string {
  return json.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) =>
    Array.from({ length: character.length }, (_, index) => {
      return `\\u${character.charCodeAt(index).toString(16).padStart(4, "0")}`;
    }).join(""),
  );
}
