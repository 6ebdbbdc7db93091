/**
 * Keeps the secrets of a log away from the log: whoever could take or rewrite the one would have the other with it.
 *
 * @module
 */
import { readdir, realpath } from "node:fs/promises";
import { dirname, join } from "node:path";
import { refuseArgument, systemCode } from "../report.ts";

const LOG_FILE = /^(\d{20}\.jsonl|checkpoints?|log\.pub)$/;
/** Unreadable, gone, or no directory at all: nothing can be told of it. */
const UNTOLD: readonly (string | undefined)[] = ["ENOENT", "EACCES", "ENOTDIR", "EPERM", "ELOOP"];

/**
 * Refuses a place for a secret: in a log's directory, below it, or beside it.
 *
 * @throws {@link VramError} `ERR_INPUT_INVALID`, as far as the place can be told.
 */
export async function refuseNearLog(path: string): Promise<void> {
  const directory = await realpath(dirname(path)).catch(() => undefined);
  // The file cannot be made there either: that is told then.
  if (directory === undefined) return;
  for (let above = directory; ; above = dirname(above)) {
    if (await holdsLog(above)) refuse("in the directory of an audit log");
    if (above === dirname(above)) break;
  }
  for (const name of await namesIn(directory)) {
    if (await holdsLog(join(directory, name))) refuse("beside the directory of an audit log");
  }
}

async function holdsLog(directory: string): Promise<boolean> {
  const names = new Set(await namesIn(directory));
  return names.has("log.pub") && [...names].filter((name) => LOG_FILE.test(name)).length > 1;
}

async function namesIn(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (UNTOLD.includes(systemCode(error))) return [];
    throw error;
  }
}

function refuse(where: string): never {
  return refuseArgument("file", `it would lie ${where}: keep it where whoever reaches the log does not`);
}
