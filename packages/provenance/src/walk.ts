/**
 * The files that are in a model's directory, and what is in them.
 *
 * @module
 */
import { createDigest, toHex } from "@vram-residency/crypto";
import {
  type Digester,
  type FileStat,
  type FileSystem,
  type HexDigest,
  hexDigest,
  isVramError,
  VramError,
} from "@vram-residency/types";
import { refuse } from "./rules.ts";

/** A file of a model, before it is read. */
export interface FoundFile {
  /** Relative to the model's directory, with slashes. */
  readonly name: string;
  /** Where it is, without symbolic links. */
  readonly path: string;
  readonly stat: FileStat;
}

/** What {@link findFiles} leaves out, and what it follows. */
export interface WalkRules {
  readonly fileSystem: FileSystem;
  readonly allowSymlinks: boolean;
  /** Relative to the model's directory; a directory stands for all that is in it. */
  readonly ignorePaths: readonly string[];
}

/** Beside the weights in every checkout; only at the top. */
export const IGNORED_ALWAYS: readonly string[] = [".git", ".gitattributes", ".github", ".gitignore"];

const ENTRIES_MAX = 1_000_000;
const DEPTH_MAX = 64;
const CHUNK_BYTES = 1024 * 1024;

/**
 * Finds every file of a model, sorted as the file system lists them.
 *
 * @param path - A directory; or a file, which is then the only one.
 * @throws `ERR_PROVENANCE`: `symlink`, `special-file`, `resource-count`. `ERR_SOURCE` when something cannot be read.
 */
export function findFiles(path: string, rules: WalkRules): Promise<readonly FoundFile[]> {
  return readable(async () => {
    const root = await rules.fileSystem.realPath(path);
    const stat = await rules.fileSystem.stat(root);
    if (stat.kind === "file") return [{ name: root.slice(root.lastIndexOf("/") + 1), path: root, stat }];
    const found: FoundFile[] = [];
    await walk(root, "", 0, rules, found);
    return found;
  });
}

async function walk(
  root: string,
  prefix: string,
  depth: number,
  rules: WalkRules,
  found: FoundFile[],
): Promise<void> {
  if (depth > DEPTH_MAX) refuse("resource-count", `directories deeper than ${DEPTH_MAX}`, prefix);
  for (const entry of await rules.fileSystem.list(`${root}/${prefix}`)) {
    const name = `${prefix}${entry}`;
    if (isIgnored(name, rules.ignorePaths)) continue;
    if (found.length >= ENTRIES_MAX) refuse("resource-count", `more than ${ENTRIES_MAX} files`);
    const path = await resolve(root, name, rules);
    const stat = await rules.fileSystem.stat(path);
    if (stat.kind === "file") found.push({ name, path, stat });
    else if (stat.kind === "other") refuse("special-file", "neither a file nor a directory: remove it", name);
    else if (path !== `${root}/${name}`)
      refuse("symlink", "a link to a directory: copy what it links to", name);
    else await walk(root, `${name}/`, depth + 1, rules, found);
  }
}

function isIgnored(name: string, ignored: readonly string[]): boolean {
  return ignored.some((path) => name === path || name.startsWith(`${path}/`));
}

/** Where an entry is. Every directory above it was resolved already: only the entry itself can be a link. */
async function resolve(
  root: string,
  name: string,
  { fileSystem, allowSymlinks }: WalkRules,
): Promise<string> {
  const own = `${root}/${name}`;
  const real = await fileSystem
    .realPath(own)
    .catch((cause: unknown) =>
      refuse("symlink", "a link that leads nowhere, or a name that is no text: remove it", name, cause),
    );
  if (real === own) return own;
  if (!allowSymlinks)
    refuse("symlink", "the publisher allows no symbolic links: copy what it links to", name);
  if (!real.startsWith(`${root}/`))
    refuse("symlink", "a link leads out of the model's directory: remove it", name);
  return real;
}

/** What hashing needs. */
export interface HashPorts {
  readonly fileSystem: FileSystem;
  readonly digester: Digester;
  readonly signal?: AbortSignal;
  /** Called after every chunk. */
  onBytes(count: number): void;
}

/**
 * Hashes a file, whole or range by range, in one pass.
 *
 * @param ends - Where each digest ends and the next begins, ascending; the last is the file's length. Unit: bytes.
 * @returns One digest for each end.
 * @throws `ERR_SOURCE` "changed" when the file is another than the one that was found, or changes while it is read;
 * `ERR_CANCELLED`.
 */
export function hashFile(
  { path, stat }: FoundFile,
  ends: readonly number[],
  algorithm: "sha256" | "blake3",
  { fileSystem, digester, signal, onBytes }: HashPorts,
): Promise<readonly HexDigest[]> {
  return readable(async () => {
    await using file = await fileSystem.open(path, { mode: "read", noFollow: true });
    assertUnchanged(stat, await file.stat());
    const buffer = new Uint8Array(CHUNK_BYTES);
    const digests: HexDigest[] = [];
    let at = 0;
    for (const end of ends) {
      const digest = createDigest(algorithm, digester);
      while (at < end) {
        if (signal?.aborted === true)
          throw new VramError("ERR_CANCELLED", "cancelled while hashing", { stage: "hash" });
        const count = await file.read(buffer.subarray(0, Math.min(CHUNK_BYTES, end - at)), at);
        if (count === 0)
          throw new VramError("ERR_SOURCE", "a file became shorter while it was read", { reason: "changed" });
        digest.update(buffer.subarray(0, count));
        at += count;
        onBytes(count);
      }
      digests.push(hexDigest(toHex(digest.digest())));
    }
    assertUnchanged(stat, await file.stat());
    return digests;
  });
}

function assertUnchanged(found: FileStat, now: FileStat): void {
  const same =
    found.identity === now.identity && found.bytes === now.bytes && found.changedNs === now.changedNs;
  if (same && now.kind === "file") return;
  throw new VramError(
    "ERR_SOURCE",
    "a file changed while the model was read: try again when nothing writes to it",
    {
      reason: "changed",
    },
  );
}

async function readable<Result>(read: () => Promise<Result>): Promise<Result> {
  try {
    return await read();
  } catch (cause) {
    if (isVramError(cause)) throw cause;
    const message = "a file of the model cannot be read: check that it exists and may be read";
    throw new VramError("ERR_SOURCE", message, { reason: "unreadable" }, { cause });
  }
}
