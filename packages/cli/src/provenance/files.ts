import { realpath } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { nodeDigester } from "@vram-residency/crypto/node";
import type { ModelOptions } from "@vram-residency/provenance";
import { isVramError, VramError } from "@vram-residency/types";
import { nodeFileSystem } from "@vram-residency/types/node";
import { readPath } from "../digest/read.ts";
import { systemReason } from "../report.ts";
import type { Terminal } from "../terminal.ts";
import { size } from "../text.ts";

/** Longest file beside a model: a bundle, a manifest, a list of checksums. Unit: bytes. */
const FILE_BYTES_MAX = 64 * 1024 * 1024;

/**
 * Reads a file whole.
 *
 * @param what - Names it in the error.
 * @throws {@link VramError} `ERR_SOURCE`, `ERR_CANCELLED`.
 */
export async function readSmall(path: string, what: string, terminal: Terminal): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of readPath(path, terminal.signal)) {
      bytes += chunk.length;
      if (bytes > FILE_BYTES_MAX) {
        throw new VramError("ERR_SOURCE", `${what} is longer than ${size(FILE_BYTES_MAX)}`, {
          reason: "too-large",
        });
      }
      chunks.push(Uint8Array.from(chunk));
    }
  } catch (cause) {
    if (isVramError(cause)) throw cause;
    const message = `${what} cannot be read: ${systemReason(cause)}`;
    throw new VramError("ERR_SOURCE", message, { reason: "unreadable" }, { cause });
  }
  return new Uint8Array(Buffer.concat(chunks));
}

/**
 * How a model is read from here.
 *
 * @param list - The file that says what the model is; it does not belong to the model, also where it lies in its directory.
 */
export async function modelOptions(
  path: string,
  list: string | undefined,
  ignorePaths: readonly string[],
  terminal: Terminal,
): Promise<ModelOptions> {
  const own = list === undefined ? undefined : await inside(path, list);
  return {
    fileSystem: nodeFileSystem,
    digester: nodeDigester,
    signal: terminal.signal,
    ignorePaths: own === undefined ? ignorePaths : [...ignorePaths, own],
    onProgress(done, total) {
      terminal.status(`hashing: ${Math.floor((done * 100) / total)} % of ${size(total)}`);
    },
  };
}

/** Where `file` is in `directory`; undefined when it is elsewhere. Links to it are files of their own. */
async function inside(directory: string, file: string): Promise<string | undefined> {
  const [root, parent] = await Promise.all(
    [directory, dirname(file)].map((path) => realpath(path).catch(() => path)),
  );
  if (root === undefined || parent === undefined) return undefined;
  const name = relative(root, join(parent, basename(file)));
  return name === "" || name === ".." || name.startsWith("../") ? undefined : name;
}
