import { dirname } from "node:path";
import type { CheckpointAnchor } from "@vram-residency/audit/file";
import { CHECKPOINT_BYTES_MAX } from "@vram-residency/audit/log";
import type { FileSystem } from "@vram-residency/types";
import { nodeFileSystem } from "@vram-residency/types/node";

/**
 * Remembers one log's newest checkpoint in a file elsewhere: what `vramr audit verify --against` takes. Replaced whole or
 * not at all, and synced.
 *
 * @param path - One for each log, in a directory that is there.
 */
export function fileAnchor(path: string, fileSystem: FileSystem = nodeFileSystem): CheckpointAnchor {
  return {
    // Whatever log is asked for: another one's checkpoint here is refused by whoever opens the log.
    read: () => readCheckpoint(fileSystem, path),
    async write(_log, checkpoint) {
      const unfinished = `${path}.new`;
      await fileSystem.remove(unfinished).catch(ignoreMissing);
      const file = await fileSystem.open(unfinished, { mode: "create", noFollow: true, permissions: 0o600 });
      try {
        for (let at = 0; at < checkpoint.length; ) at += await file.write(checkpoint.subarray(at), at);
        await file.dataSync();
      } finally {
        await file[Symbol.asyncDispose]();
      }
      await fileSystem.rename(unfinished, path);
      await fileSystem.syncDirectory(dirname(path));
    },
  };
}

async function readCheckpoint(fileSystem: FileSystem, path: string): Promise<Uint8Array | undefined> {
  const file = await fileSystem.open(path, { mode: "read" }).catch(ignoreMissing);
  if (file === undefined) return undefined;
  try {
    const bytes = new Uint8Array(CHECKPOINT_BYTES_MAX + 1);
    let length = 0;
    for (;;) {
      const count = await file.read(bytes.subarray(length), length);
      length += count;
      if (count === 0 || length === bytes.length) return bytes.subarray(0, length);
    }
  } finally {
    await file[Symbol.asyncDispose]();
  }
}

function ignoreMissing(error: unknown): undefined {
  if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
  throw error;
}
