import { reading } from "@vram-residency/crypto";
import type { FileHandle, FileStat, FileSystem, KeyProvider } from "@vram-residency/types";
import { KEY_FILE_BYTES_MAX, type KeyFile, type KeyPurpose, parseKeyFile, refuse } from "./key-file.ts";

/** Options of {@link fileKeys} and {@link readKeyFile}. */
export interface FileKeysOptions {
  /** User id that must own the file. Default: not checked. */
  readonly ownerId?: number;
}

/**
 * Provides every generation of the seal root that a key file holds.
 *
 * @returns A provider that reads the file each time it is asked, and throws as {@link readKeyFile} does for purpose "seal".
 */
export function fileKeys(fileSystem: FileSystem, path: string, options: FileKeysOptions = {}): KeyProvider {
  const { ownerId } = reading("options", () => ({ ...options }));
  const wanted = { ...(ownerId === undefined ? {} : { ownerId }), purpose: "seal" } as const;
  return {
    kind: "file",
    sealRoots: async () => (await readKeyFile(fileSystem, path, wanted)).roots,
  };
}

/**
 * Reads a key file: a regular one, no symbolic link, open to its owner alone.
 *
 * @param options.purpose - The root that is wanted; a file that holds the other one is refused. Default: either.
 * @throws {@link VramError} `ERR_CONFIG_INVALID` with what to mend; it names neither the path nor a digit of a root.
 * @see key-file.ts for what is in it.
 */
export async function readKeyFile(
  fileSystem: FileSystem,
  path: string,
  options: FileKeysOptions & { readonly purpose?: KeyPurpose } = {},
): Promise<KeyFile> {
  const { ownerId, purpose } = reading("options", () => ({ ...options }));
  await using handle = await openKeyFile(fileSystem, path);
  const file = parseKeyFile(await readText(handle, ownerId));
  if (purpose !== undefined && file.purpose !== purpose) {
    refuse(`it holds the ${file.purpose} root: expected a file made for the other one`);
  }
  return file;
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

async function attempt<Result>(call: Promise<Result>): Promise<Result> {
  try {
    return await call;
  } catch (error) {
    return refuse(`cannot be read (${codeOf(error)}): check the disk`);
  }
}

function checkStat(stat: FileStat, ownerId: number | undefined): void {
  if (stat.kind !== "file") refuse("expected a regular file");
  if ((stat.mode & 0o077) !== 0) refuse("expected a file of its owner alone: chmod 600");
  if (ownerId !== undefined && stat.ownerId !== ownerId)
    refuse("expected a file that this user owns: chown it");
}

async function readText(handle: FileHandle, ownerId: number | undefined): Promise<string> {
  checkStat(await attempt(handle.stat()), ownerId);
  // One byte more than a key file has, to notice a longer one.
  const content = new Uint8Array(KEY_FILE_BYTES_MAX + 1);
  let length = 0;
  for (;;) {
    const count = await attempt(handle.read(content.subarray(length), length));
    length += count;
    if (count === 0 || length === content.length) break;
  }
  const text = String.fromCharCode(...content.subarray(0, length));
  content.fill(0);
  return length > KEY_FILE_BYTES_MAX ? refuse(`expected at most ${KEY_FILE_BYTES_MAX} bytes`) : text;
}

function codeOf(error: unknown): string {
  const code: unknown = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" && /^E[A-Z0-9]+$/.test(code) ? code : "unknown reason";
}
