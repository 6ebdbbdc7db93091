import { printable } from "@vram-residency/audit";
import { VramError } from "@vram-residency/types";
import { EXIT } from "../exit-code.ts";
import { refuseArgument, systemReason } from "../report.ts";
import { printDocument, type Terminal } from "../terminal.ts";
import { type Hashed, hashAll } from "./hash.ts";
import type { DigestCommandOptions } from "./options.ts";
import { readPath, readStream, readText } from "./read.ts";
import { escapeName, parseSums, type SumsEntry } from "./sums.ts";
import { assertOneInput, STANDARD_INPUT, watch } from "./tasks.ts";

/** Longest file of checksums. Unit: bytes. */
const SUMS_BYTES_MAX = 64 * 1024 * 1024;

type Status = "ok" | "failed" | "unreadable";

const WORDS: { readonly [S in Status]: string } = {
  ok: "OK",
  failed: "FAILED",
  unreadable: "FAILED open or read",
};

/** Checks every file that a file of checksums lists, as `sha256sum --check` does. @returns The exit code. */
export async function runCheck(
  { check, algorithm, quiet, json }: DigestCommandOptions & { readonly check: string },
  terminal: Terminal,
): Promise<number> {
  const entries = parseSums(await readSums(check, terminal), algorithm);
  const names = entries.map(({ name }) => name);
  assertOneInput(check === STANDARD_INPUT ? [check, ...names] : names);

  const counts = { ok: 0, failed: 0, unreadable: 0 };
  const found: object[] = [];
  for await (const [entry, hashed] of hashAll(entries, terminal, await watch(entries, terminal))) {
    const status = statusOf(entry, hashed);
    counts[status]++;
    const said = hashed.digest === undefined ? hashed : { actual: hashed.digest, engine: hashed.engine };
    found.push({ ...entry, status, ...said });
    if (hashed.digest === undefined) {
      terminal.note(`vramr: ${printable(entry.name)}: ${hashed.reason}\n`);
    }
    if (json || (quiet && status === "ok")) continue;
    const { mark, text } = escapeName(entry.name);
    terminal.out(`${mark}${text}: ${WORDS[status]}\n`);
  }
  const ok = counts.ok === entries.length;
  if (json) printDocument(terminal, "digest", "DigestCheck", { ok, counts, files: found });
  warn(terminal, counts.unreadable, "listed file", "could not be read");
  warn(terminal, counts.failed, "computed checksum", "did NOT match");
  // Wrong content weighs more than a file that is not there.
  if (counts.failed > 0) return EXIT.integrity;
  return counts.unreadable > 0 ? EXIT.environment : EXIT.ok;
}

function statusOf({ digest }: SumsEntry, hashed: Hashed): Status {
  if (hashed.digest === undefined) return "unreadable";
  return hashed.digest === digest ? "ok" : "failed";
}

async function readSums(path: string, terminal: Terminal): Promise<string> {
  const { signal } = terminal;
  const chunks = path === STANDARD_INPUT ? readStream(terminal.input(), signal) : readPath(path, signal);
  try {
    return await readText(chunks, SUMS_BYTES_MAX);
  } catch (cause) {
    if (cause instanceof TypeError) refuseArgument("--check", "the file of checksums is no UTF-8 text");
    if (cause instanceof VramError) throw cause;
    const message = `the file of checksums cannot be read: ${systemReason(cause)}`;
    throw new VramError("ERR_SOURCE", message, { reason: "unreadable" }, { cause });
  }
}

function warn(terminal: Terminal, count: number, what: string, happened: string): void {
  if (count > 0) terminal.note(`vramr: WARNING: ${count} ${what}${count === 1 ? "" : "s"} ${happened}\n`);
}
