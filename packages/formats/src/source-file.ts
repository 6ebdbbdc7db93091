import { type FileHandle, type FileSystem, isVramError, VramError } from "@vram-residency/types";

/**
 * Reads a small file.
 *
 * @param tooLarge - The error when it has over `bytesMax`.
 */
export function readWhole(
  path: string,
  fileSystem: FileSystem,
  limit: { readonly bytesMax: number; readonly tooLarge: () => Error },
): Promise<Uint8Array> {
  return withFile(path, fileSystem, async (file, bytes) => {
    if (bytes > limit.bytesMax) throw limit.tooLarge();
    const into = new Uint8Array(bytes);
    for (let filled = 0; filled < bytes; ) {
      const count = await file.read(into.subarray(filled), filled);
      if (count === 0)
        throw new VramError("ERR_SOURCE", "a file became shorter while it was read", { reason: "truncated" });
      filled += count;
    }
    return into;
  });
}

/** Lends a regular file and its length to `body`. Opened first and judged by its handle, so that it cannot be swapped between. */
export function withFile<Result>(
  path: string,
  fileSystem: FileSystem,
  body: (file: FileHandle, bytes: number) => Promise<Result>,
): Promise<Result> {
  return readable(async () => {
    await using file = await fileSystem.open(path, { mode: "read" });
    const { kind, bytes } = await file.stat();
    if (kind === "file") return await body(file, bytes);
    const message = "a file of the model is no regular file: name one that is";
    throw new VramError("ERR_SOURCE", message, { reason: "unreadable" });
  });
}

/** @throws {@link VramError} `ERR_SOURCE` for an error of the file system. */
export async function readable<Result>(read: () => Promise<Result>): Promise<Result> {
  try {
    return await read();
  } catch (cause) {
    if (isVramError(cause)) throw cause;
    const message = "a file of the model cannot be read: check that it exists and may be read";
    throw new VramError("ERR_SOURCE", message, { reason: "unreadable" }, { cause });
  }
}
