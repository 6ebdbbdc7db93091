/**
 * The cache of the Hugging Face Hub: `models--ORG--NAME/{blobs,refs,snapshots}`, where a snapshot's files are links to blobs.
 *
 * @module
 */
import { assertPort } from "@vram-residency/crypto";
import type { FileSystem } from "@vram-residency/types";
import { formatError } from "./format-error.ts";
import { readable, readWhole } from "./source-file.ts";

const REF_BYTES_MAX = 256;
const SNAPSHOT = /^((?:.*\/)?models--[^/]+)\/+snapshots\/+[^/]+(?:\/|$)/s;

/** A directory of a model, and where its links must stay. */
export interface Place {
  readonly directory: string;
  /** The cache's folder of the model. Nothing: links may lead anywhere. */
  readonly root?: string;
}

/**
 * Finds the snapshot when `directory` is a cache's folder of a model, and knows a directory within one.
 *
 * @throws {@link VramError} `ERR_FORMAT_INVALID` `cache-ref`, `no-model`; `ERR_SOURCE`.
 */
export async function placeOf(
  directory: string,
  names: readonly string[],
  fileSystem: FileSystem,
): Promise<Place> {
  if (!names.includes("snapshots") || !names.includes("blobs")) return placeWithin(directory);
  const snapshot = names.includes("refs") ? await readRef(`${directory}/refs`, fileSystem) : undefined;
  return {
    directory: `${directory}/snapshots/${snapshot ?? (await onlySnapshot(directory, fileSystem))}`,
    root: directory,
  };
}

/** Knows a directory within a snapshot by its path. */
export function placeWithin(directory: string): Place {
  const [, root] = SNAPSHOT.exec(directory) ?? [];
  return root === undefined ? { directory } : { directory, root };
}

async function readRef(directory: string, fileSystem: FileSystem): Promise<string | undefined> {
  if (!(await readable(() => fileSystem.list(directory))).includes("main")) return undefined;
  const wrong = (): Error => formatError("model", "cache-ref", "refs/main holds no commit");
  const limit = { bytesMax: REF_BYTES_MAX, tooLarge: wrong };
  const bytes = await readWhole(`${directory}/main`, fileSystem, limit);
  const text = new TextDecoder().decode(bytes).trim();
  if (!/^[0-9a-f]{40}$/.test(text)) throw wrong();
  return text;
}

async function onlySnapshot(directory: string, fileSystem: FileSystem): Promise<string> {
  const [only, ...others] = await readable(() => fileSystem.list(`${directory}/snapshots`));
  if (only !== undefined && others.length === 0) return only;
  throw formatError("model", "no-model", "the cache has no snapshot or several: name the one that is meant");
}

/**
 * Says where a model's file really is. In a cache that is the blob, and it is the blob that is opened: a link that is changed later leads nowhere.
 *
 * @throws {@link VramError} `ERR_FORMAT_INVALID` `cache-link` when a link leaves the cache's folder of the model; `ERR_SOURCE`.
 */
export async function resolveFile(
  { directory, root }: Place,
  name: string,
  fileSystem: FileSystem,
): Promise<string> {
  const path = `${directory}/${name}`;
  if (root === undefined) return path;
  assertPort(fileSystem, "fileSystem", "realPath");
  const [realRoot, realPath] = await readable(() => {
    return Promise.all([fileSystem.realPath(root), fileSystem.realPath(path)]);
  });
  if (realPath.startsWith(`${realRoot}/`)) return realPath;
  throw formatError("model", "cache-link", "a link of the cache leaves the model's folder");
}
