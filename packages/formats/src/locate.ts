import type { FileSystem } from "@vram-residency/types";
import { formatError } from "./format-error.ts";
import { GGUF_MAGIC } from "./gguf.ts";
import { ggufPart } from "./gguf-split.ts";
import { type Place, placeOf, placeWithin, resolveFile } from "./hub-cache.ts";
import { INDEX_SUFFIX, readIndex } from "./safetensors-index.ts";
import { readable, withFile } from "./source-file.ts";

const SAFETENSORS_SUFFIX = ".safetensors";
const GGUF_SUFFIX = ".gguf";

/** Which files a model has. */
export interface Found {
  readonly format: "safetensors" | "gguf";
  readonly place: Place;
  readonly names: readonly string[];
  /** Tensor to file, when there is an index. */
  readonly index?: ReadonlyMap<string, string>;
}

/**
 * Finds the files of a model; only an index and a cache's ref are read.
 *
 * @throws {@link VramError} `ERR_SOURCE`; `ERR_FORMAT_INVALID` `no-model`, `index-json`, `index-name`, `split`, `cache-ref`, `cache-link`.
 */
export async function locate(path: string, fileSystem: FileSystem): Promise<Found> {
  const { kind } = await readable(() => fileSystem.stat(path));
  return kind === "directory" ? await fromDirectory(path, fileSystem) : await fromFile(path, fileSystem);
}

async function fromFile(path: string, fileSystem: FileSystem): Promise<Found> {
  const cut = path.lastIndexOf("/");
  const place = placeWithin(cut < 0 ? "." : path.slice(0, cut) || "/");
  const name = path.slice(cut + 1);
  if (name.endsWith(INDEX_SUFFIX)) return await fromIndex(place, name, fileSystem);
  if (name.endsWith(GGUF_SUFFIX)) return { format: "gguf", place, names: ggufPart(name).names };
  if (name.endsWith(SAFETENSORS_SUFFIX)) return { format: "safetensors", place, names: [name] };
  return { format: await formatOf(place, name, fileSystem), place, names: [name] };
}

/** Tells a file whose name says nothing, a blob for one. What begins like GGUF would be a safetensors header of over 8 GB. */
async function formatOf(place: Place, name: string, fileSystem: FileSystem): Promise<Found["format"]> {
  const start = new Uint8Array(4);
  await withFile(await resolveFile(place, name, fileSystem), fileSystem, (file) => file.read(start, 0));
  return new DataView(start.buffer).getUint32(0, true) === GGUF_MAGIC ? "gguf" : "safetensors";
}

async function fromDirectory(path: string, fileSystem: FileSystem): Promise<Found> {
  const listed = await readable(() => fileSystem.list(path));
  const place = await placeOf(path, listed, fileSystem);
  const names = place.directory === path ? listed : await readable(() => fileSystem.list(place.directory));
  const [index, ...others] = names.filter((name) => name.endsWith(INDEX_SUFFIX));
  if (others.length > 0)
    throw formatError("model", "no-model", "several indexes are there: name the one that is meant");
  if (index !== undefined) return await fromIndex(place, index, fileSystem);
  const safetensors = names.filter((name) => name.endsWith(SAFETENSORS_SUFFIX));
  return safetensors.length > 0
    ? { format: "safetensors", place, names: safetensors }
    : fromGguf(place, names);
}

/** All GGUF files of a directory, if they are one model's. */
function fromGguf(place: Place, names: readonly string[]): Found {
  const [first, ...others] = names.filter((name) => name.endsWith(GGUF_SUFFIX));
  const parts = first === undefined ? [] : ggufPart(first).names;
  const expected = new Set(parts);
  if (!others.every((name) => expected.has(name))) {
    throw formatError(
      "model",
      "no-model",
      "several GGUF models are there: name a file of the one that is meant",
    );
  }
  return { format: "gguf", place, names: parts };
}

async function fromIndex(place: Place, name: string, fileSystem: FileSystem): Promise<Found> {
  const index = await readIndex(await resolveFile(place, name, fileSystem), fileSystem);
  return { format: "safetensors", place, names: [...new Set(index.values())].sort(), index };
}
