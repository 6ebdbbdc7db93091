/**
 * Whole steps over the file-system port: each either happens, or rejects with the runtime's own error.
 *
 * @module
 */
import { concatBytes } from "@vram-residency/crypto";
import type { FileHandle, FileSystem } from "@vram-residency/types";
import { UNFINISHED } from "./names.ts";

/** How much of a file is read at a time. Unit: bytes. */
const CHUNK_BYTES = 256 * 1024;

/** True for the error of a path that leads nowhere. */
export function isMissing(error: unknown): boolean {
  return errorCode(error) === "ENOENT";
}

/** The runtime's code of an error, such as "EIO"; "" when it has none. Never throws. */
export function errorCode(error: unknown): string {
  try {
    const code: unknown = error instanceof Error && "code" in error ? error.code : undefined;
    return typeof code === "string" ? code : "";
  } catch {
    return "";
  }
}

/** Opens a file to read; undefined when there is none. */
export async function openToRead(fileSystem: FileSystem, path: string): Promise<FileHandle | undefined> {
  try {
    return await fileSystem.open(path, { mode: "read", noFollow: true });
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** Reads from `from` up to `to`, or the end. Each chunk is valid until the next is asked for. */
export async function* chunksOf(
  file: FileHandle,
  from: number,
  to: number,
): AsyncGenerator<Uint8Array, void> {
  const buffer = new Uint8Array(CHUNK_BYTES);
  for (let at = from; at < to; ) {
    const count = await file.read(buffer.subarray(0, Math.min(CHUNK_BYTES, to - at)), at);
    if (count === 0) return;
    yield buffer.subarray(0, count);
    at += count;
  }
}

/** Reads what lies between two places, or less at the end of the file. */
export async function readRange(file: FileHandle, from: number, to: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunksOf(file, from, to)) parts.push(chunk.slice());
  return concatBytes(...parts);
}

/** Reads at most `maxBytes` of a file; undefined when there is none. */
export async function readFile(
  fileSystem: FileSystem,
  path: string,
  maxBytes: number,
): Promise<Uint8Array | undefined> {
  const file = await openToRead(fileSystem, path);
  if (file === undefined) return undefined;
  try {
    return await readRange(file, 0, maxBytes);
  } finally {
    await file[Symbol.asyncDispose]();
  }
}

/** Writes all of `bytes` at `position`: one call may write less. */
export async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const written = await file.write(bytes.subarray(done), position + done);
    if (written === 0)
      throw Object.assign(new Error("ENOSPC: the file takes no more bytes"), { code: "ENOSPC" });
    done += written;
  }
}

/** Makes a file under its unfinished name, whole and synced. The caller renames it. */
export async function makeUnfinished(
  fileSystem: FileSystem,
  path: string,
  content: Uint8Array | AsyncIterable<Uint8Array>,
): Promise<FileHandle> {
  const unfinished = path + UNFINISHED;
  await removeIfThere(fileSystem, unfinished);
  const file = await fileSystem.open(unfinished, { mode: "create", noFollow: true, permissions: 0o600 });
  try {
    let position = 0;
    for await (const chunk of content instanceof Uint8Array ? [content] : content) {
      await writeAll(file, chunk, position);
      position += chunk.length;
    }
    await file.dataSync();
    return file;
  } catch (error) {
    await file[Symbol.asyncDispose]();
    throw error;
  }
}

/** Puts a file in its place, whole or not at all. The directory is yet to be synced. */
export async function replaceFile(
  fileSystem: FileSystem,
  path: string,
  content: Uint8Array | AsyncIterable<Uint8Array>,
): Promise<void> {
  const file = await makeUnfinished(fileSystem, path, content);
  await file[Symbol.asyncDispose]();
  await fileSystem.rename(path + UNFINISHED, path);
}

/** Removes a file, if it is there. */
export async function removeIfThere(fileSystem: FileSystem, path: string): Promise<void> {
  try {
    await fileSystem.remove(path);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}
