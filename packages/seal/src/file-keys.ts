import { fromHex } from "@vram-residency/crypto";
import {
  type FileHandle,
  type FileStat,
  type FileSystem,
  type KeyProvider,
  VramError,
} from "@vram-residency/types";

/** Options of {@link fileKeys}. */
export interface FileKeysOptions {
  /** User id that must own the file. Default: not checked. */
  readonly ownerId?: number;
}

const FILE_BYTES_MAX = 65;

/**
 * Provides the root that a file holds: 64 lowercase hexadecimal digits, and at most one newline.
 *
 * The file is a regular one, no symbolic link, and open to its owner alone.
 *
 * @returns A provider that reads the file each time it is asked, and throws `ERR_CONFIG_INVALID` with what to mend; the
 * error never names the path.
 */
export function fileKeys(fileSystem: FileSystem, path: string, options: FileKeysOptions = {}): KeyProvider {
  return {
    kind: "file",
    async sealRoots() {
      await using handle = await openKeyFile(fileSystem, path);
      checkStat(await handle.stat(), options.ownerId);
      return [{ secret: await readSecret(handle), state: "active" }];
    },
  };
}

async function openKeyFile(fileSystem: FileSystem, path: string): Promise<FileHandle> {
  try {
    // Looked at first only because opening a pipe would wait for its writer; the open handle is what is judged.
    const { kind } = await fileSystem.stat(path);
    if (kind === "file") return await fileSystem.open(path, { mode: "read", noFollow: true });
  } catch (error) {
    // The cause is not kept: it names the path.
    refuse(`cannot be opened (${codeOf(error)}): expected a regular file that this user may read`);
  }
  return refuse("expected a regular file");
}

function checkStat(stat: FileStat, ownerId: number | undefined): void {
  if (stat.kind !== "file") refuse("expected a regular file");
  if ((stat.mode & 0o077) !== 0) refuse("expected a file of its owner alone: chmod 600");
  if (ownerId !== undefined && stat.ownerId !== ownerId)
    refuse("expected a file that this user owns: chown it");
}

async function readSecret(handle: FileHandle): Promise<Uint8Array> {
  // One byte more than a key file has, to notice a longer one.
  const content = new Uint8Array(FILE_BYTES_MAX + 1);
  let length = 0;
  for (;;) {
    const count = await handle.read(content.subarray(length), length);
    length += count;
    if (count === 0 || length === content.length) break;
  }
  const text = String.fromCharCode(...content.subarray(0, length));
  content.fill(0);
  if (!/^[0-9a-f]{64}\n?$/.test(text)) {
    refuse("expected 64 lowercase hexadecimal digits and at most one newline");
  }
  return fromHex(text.slice(0, 64));
}

function codeOf(error: unknown): string {
  const code: unknown = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" && /^E[A-Z0-9]+$/.test(code) ? code : "unknown reason";
}

function refuse(reason: string): never {
  throw new VramError("ERR_CONFIG_INVALID", `key file: ${reason}`, { field: "keyFile", reason });
}
