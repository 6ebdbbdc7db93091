import { printable } from "@vram-residency/audit";
import { type AuditLine, parseLine } from "@vram-residency/audit/log";
import { AUDIT_EVENT_TYPES, hasCode } from "@vram-residency/types";
import { nodeFileSystem } from "@vram-residency/types/node";
import { EXIT } from "../exit-code.ts";
import { refuseArgument } from "../report.ts";
import type { Terminal } from "../terminal.ts";
import { recordJson, recordText } from "./record-text.ts";
import { requireDirectory, throwIfInterrupted } from "./source.ts";
import { LogTail, type TailedLine } from "./tail.ts";

/** What `vramr audit show` was asked to do. */
export interface ShowCommandOptions {
  readonly follow?: boolean;
  /** Each may be several, separated by commas. */
  readonly type?: readonly string[];
  readonly json?: boolean;
}

/** How often a log that is followed is looked at. Unit: ms. */
const FOLLOW_MS = 200;

/**
 * Runs `vramr audit show`.
 *
 * @returns The exit code: 1 when a line was no record. With `follow`, an interrupt is how it ends.
 * @throws {@link VramError} `ERR_INPUT_INVALID` for wrong arguments, `ERR_SOURCE` for what cannot be read, `ERR_CANCELLED`.
 */
export async function showAudit(
  directory: string,
  options: ShowCommandOptions,
  terminal: Terminal,
): Promise<number> {
  const types = typesOf(options.type);
  await requireDirectory(directory);
  if (!options.json) {
    terminal.note(`shown, not verified: vramr audit verify ${printable(directory)} does that\n`);
  }
  const tail = new LogTail(nodeFileSystem, directory);
  let code: number = EXIT.ok;
  for (;;) {
    for await (const line of tail.lines()) {
      if (options.follow === true && terminal.signal.aborted) return code;
      throwIfInterrupted(terminal);
      if (!printLine(line, types, options.json === true, terminal)) code = EXIT.integrity;
    }
    if (options.follow !== true) break;
    await pause(terminal.signal);
    if (terminal.signal.aborted) return code;
  }
  if (!tail.found) refuseArgument("DIR", "there is no record in it: name the log's directory");
  if (tail.tornBytes > 0) {
    terminal.note(
      `the last line is not whole (${tail.tornBytes} bytes): its writer is at it, or was stopped\n`,
    );
  }
  return code;
}

function typesOf(lists: readonly string[] = []): ReadonlySet<string> | undefined {
  if (lists.length === 0) return undefined;
  const known: readonly string[] = AUDIT_EVENT_TYPES;
  const names = lists.flatMap((list) => list.split(","));
  for (const name of names) {
    if (known.includes(name)) continue;
    refuseArgument("--type", `there is no ${printable(name, 64)}: expected of ${known.join(", ")}`);
  }
  return new Set(names);
}

/** @returns False for a line that is no record. */
function printLine(
  line: TailedLine,
  types: ReadonlySet<string> | undefined,
  json: boolean,
  terminal: Terminal,
): boolean {
  let record: AuditLine;
  try {
    record = parseLine(line.bytes);
  } catch (error) {
    if (!hasCode(error, "ERR_FORMAT_INVALID")) throw error;
    const place = `${line.bytes.length} bytes at byte ${line.offset} of ${line.file}`;
    terminal.note(`no record: ${place} (${error.detail.rule})\n`);
    return false;
  }
  if (types === undefined || types.has(record.type)) {
    terminal.out(json ? recordJson(line) : recordText(record, terminal));
  }
  return true;
}

/** Waits a little, or until the interrupt. */
function pause(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, FOLLOW_MS);
    signal.addEventListener("abort", end);
    if (signal.aborted) end();
  });
}
