/**
 * Lines of checksums, as coreutils writes them: `HASH  NAME`, with a backslash first when the name is escaped.
 *
 * @module
 */
import { type DigestAlgorithm, VramError } from "@vram-residency/types";

/** One line of a file of checksums. */
export interface SumsEntry {
  readonly algorithm: DigestAlgorithm;
  /** Shape: 64 lowercase hexadecimal digits. */
  readonly digest: string;
  readonly name: string;
}

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ["\\", "\\\\"],
  ["\n", "\\n"],
  ["\r", "\\r"],
]);

const HEX = "([0-9a-fA-F]{64})";
/** What `sha256sum`, `b3sum` and this command print; a star says that the file was read as bytes, as it always is here. */
const PLAIN: RegExp = new RegExp(`^(\\\\?)${HEX} [ *](.+)$`, "s");
/** What they print with `--tag`. */
const TAGGED: RegExp = new RegExp(`^(\\\\?)(SHA256|BLAKE3) \\((.+)\\) = ${HEX}$`, "s");
/** What `fsverity digest` prints; it escapes nothing. */
const FSVERITY: RegExp = new RegExp(`^sha256:${HEX} (.+)$`, "s");

/** A name on one line, and whether that took an escape. */
export function escapeName(name: string): { readonly mark: "" | "\\"; readonly text: string } {
  const text = name.replace(/[\\\n\r]/g, (character) => ESCAPES.get(character) ?? character);
  return { mark: text === name ? "" : "\\", text };
}

/** One line of checksums, without its newline. */
export function formatSum(digest: string, name: string): string {
  const { mark, text } = escapeName(name);
  return `${mark}${digest}  ${text}`;
}

/**
 * Reads a file of checksums: all of it, or nothing. Empty lines and lines that begin with `#` say nothing; a line may end in
 * CR LF.
 *
 * @param algorithm - Of lines that do not name one, and the only one that others may name. Default: sha256, and any.
 * @throws {@link VramError} `ERR_FORMAT_INVALID` with the first line that is none, counted from 1, as its offset.
 */
export function parseSums(text: string, algorithm: DigestAlgorithm | undefined): readonly SumsEntry[] {
  const entries: SumsEntry[] = [];
  for (const [index, raw] of text.split("\n").entries()) {
    const line = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
    if (line === "" || line.startsWith("#")) continue;
    const entry = parseLine(line, algorithm ?? "sha256");
    const fault =
      entry === undefined || entry.name.includes("\0")
        ? "expected 64 hexadecimal digits, two spaces and a name"
        : algorithm !== undefined && entry.algorithm !== algorithm
          ? `it is a line of ${entry.algorithm}, not of ${algorithm}`
          : undefined;
    if (entry === undefined || fault !== undefined) refuse(`line ${index + 1}: ${fault}`, index + 1);
    entries.push(entry);
  }
  if (entries.length === 0) refuse("it has no line of checksums", 0);
  return entries;
}

function parseLine(line: string, plain: DigestAlgorithm): SumsEntry | undefined {
  const verity = FSVERITY.exec(line);
  if (verity !== null) return entryOf("fsverity-sha256", verity[1], verity[2], "");
  const tagged = TAGGED.exec(line);
  if (tagged !== null) {
    return entryOf(tagged[2] === "BLAKE3" ? "blake3" : "sha256", tagged[4], tagged[3], tagged[1]);
  }
  const found = PLAIN.exec(line);
  return found === null ? undefined : entryOf(plain, found[2], found[3], found[1]);
}

function entryOf(
  algorithm: DigestAlgorithm,
  digest = "",
  text = "",
  mark: string | undefined,
): SumsEntry | undefined {
  const name = mark === "\\" ? unescapeName(text) : text;
  return name === undefined ? undefined : { algorithm, digest: digest.toLowerCase(), name };
}

/** @returns undefined for a backslash that begins no escape. */
function unescapeName(text: string): string | undefined {
  if (!/^(?:[^\\]|\\[\\nr])*$/s.test(text)) return undefined;
  return text.replace(/\\([\\nr])/g, (_, letter: string) =>
    letter === "n" ? "\n" : letter === "r" ? "\r" : "\\",
  );
}

function refuse(reason: string, line: number): never {
  throw new VramError("ERR_FORMAT_INVALID", `the file of checksums is refused: ${reason}`, {
    format: "checksums",
    rule: "line",
    offset: line,
  });
}
