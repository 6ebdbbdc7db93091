/**
 * Key files on disk: made whole and synced, or not at all.
 *
 * @module
 */
import { dirname } from "node:path";
import { formatKeyFile, type KeyFile } from "@vram-residency/seal";
import type { FileHandle, FileSystem } from "@vram-residency/types";
import { refuseArgument, systemCode } from "../report.ts";

/** Added to a key file's name for what will take its place. While it is there, nobody else rotates. */
export const NEXT_SUFFIX = ".next";

/**
 * Makes a key file, mode 0600, durable when this returns.
 *
 * @throws {@link VramError} `ERR_INPUT_INVALID` when something of that name is there; the runtime's own error when it cannot
 * be written. Nothing is left then.
 */
export async function makeKeyFile(fileSystem: FileSystem, path: string, file: KeyFile): Promise<void> {
  await makeFile(fileSystem, path, formatKeyFile(file), 0o600);
}

/**
 * Makes a file of what was made from a key, durable when this returns.
 *
 * @param permissions - 0o600 for whatever is secret.
 * @throws As {@link makeKeyFile}.
 */
export async function makeFile(
  fileSystem: FileSystem,
  path: string,
  text: string,
  permissions: number,
): Promise<void> {
  const taken = "something of that name is there: move it away, or name another file";
  await writeNew(fileSystem, path, taken, permissions, () => Promise.resolve(text));
  await fileSystem.syncDirectory(dirname(path));
}

/**
 * Puts a changed key file in the place of the old one, at once.
 *
 * @param change - Gives the new content; no other rotation runs meanwhile.
 * @throws As {@link makeKeyFile}, and whatever `change` throws. The old file stays then.
 */
export async function replaceKeyFile(
  fileSystem: FileSystem,
  path: string,
  change: () => Promise<KeyFile>,
): Promise<void> {
  const next = `${path}${NEXT_SUFFIX}`;
  const taken = `another rotation is under way, or was cut off: when none runs, remove FILE${NEXT_SUFFIX}`;
  await writeNew(fileSystem, next, taken, 0o600, async () => formatKeyFile(await change()));
  await fileSystem.rename(next, path);
  await fileSystem.syncDirectory(dirname(path));
}

async function writeNew(
  fileSystem: FileSystem,
  path: string,
  taken: string,
  permissions: number,
  content: () => Promise<string>,
): Promise<void> {
  let handle: FileHandle;
  try {
    handle = await fileSystem.open(path, { mode: "create", permissions });
  } catch (error) {
    if (systemCode(error) === "EEXIST") refuseArgument("file", taken);
    throw error;
  }
  try {
    await using open = handle;
    const bytes = new TextEncoder().encode(await content());
    for (let done = 0; done < bytes.length; ) done += await open.write(bytes.subarray(done), done);
    await open.dataSync();
    bytes.fill(0);
  } catch (error) {
    await fileSystem.remove(path);
    throw error;
  }
}
