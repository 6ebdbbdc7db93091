/**
 * A model on disk: one safetensors file, or a directory of them with an index.
 *
 * @module
 */
import {
  assertPort,
  assertText,
  isWellFormed,
  parseStrictJson,
  refuseArgument,
} from "@vram-residency/crypto";
import {
  type FileHandle,
  type FileSystem,
  isVramError,
  type JsonObject,
  type JsonValue,
  type TensorRange,
  VramError,
} from "@vram-residency/types";
import { formatError } from "./format-error.ts";
import { readSafetensorsHeader } from "./safetensors.ts";

const FILES_MAX = 10_000;
const INDEX_BYTES_MAX = 100_000_000;
const SUFFIX = ".safetensors";
const INDEX_SUFFIX = ".safetensors.index.json";

/** One file of a model. */
export interface ModelFile {
  /** Name inside the model's directory. */
  readonly name: string;
  readonly path: string;
  /** Unit: bytes. */
  readonly bytes: number;
  /** Where its tensors begin. Unit: bytes. */
  readonly payloadOffset: number;
  readonly tensors: readonly TensorRange[];
}

/** A model whose headers have been read and checked. */
export interface Model {
  readonly format: "safetensors";
  /** By name. */
  readonly files: readonly [ModelFile, ...ModelFile[]];
  /** All files together. Unit: bytes. */
  readonly bytes: number;
  readonly tensorCount: number;
}

/**
 * Reads the headers of a model. No weights are read.
 *
 * @param path - A `.safetensors` file, an index, or a directory with one of them or with several files.
 * @throws {@link VramError} `ERR_SOURCE` when something cannot be read; `ERR_FORMAT_INVALID` when a file breaks its format,
 * with the rules of {@link readSafetensorsHeader} and `index-json`, `index-name`, `index-tensor`, `duplicate-tensor`,
 * `file-count`, `no-model`; `ERR_INPUT_INVALID` for a path that is none.
 */
export async function openModel(path: string, fileSystem: FileSystem): Promise<Model> {
  assertPath(path);
  assertPort(fileSystem, "fileSystem", "stat", "list", "open");
  const stat = await readable(() => fileSystem.stat(path));
  const { directory, names, index } =
    stat.kind === "directory" ? await fromDirectory(path, fileSystem) : await fromFile(path, fileSystem);
  if (names.length > FILES_MAX) throw formatError("model", "file-count", `more than ${FILES_MAX} files`);
  const files: ModelFile[] = [];
  for (const name of names) files.push(await readFile(directory, name, fileSystem));
  const [first, ...others] = files;
  if (first === undefined) throw formatError("model", "no-model", "no .safetensors file is there");
  assertIndex(files, index);
  return {
    format: "safetensors",
    files: [first, ...others],
    bytes: files.reduce((sum, file) => sum + file.bytes, 0),
    tensorCount: files.reduce((sum, file) => sum + file.tensors.length, 0),
  };
}

function assertPath(path: string): void {
  assertText(path, "path");
  // The kernel would take the part before a NUL for the whole; a lone surrogate names another file than the one meant.
  if (path === "" || path.includes("\0") || !isWellFormed(path)) {
    refuseArgument("path", "expected a path in well-formed text without NUL");
  }
}

interface Found {
  readonly directory: string;
  readonly names: readonly string[];
  /** Tensor to file, when there is an index. */
  readonly index?: ReadonlyMap<string, string>;
}

async function fromFile(path: string, fileSystem: FileSystem): Promise<Found> {
  const cut = path.lastIndexOf("/");
  const directory = cut < 0 ? "." : path.slice(0, cut) || "/";
  const name = path.slice(cut + 1);
  if (name.endsWith(INDEX_SUFFIX)) return await fromIndex(directory, name, fileSystem);
  return { directory, names: [name] };
}

async function fromDirectory(directory: string, fileSystem: FileSystem): Promise<Found> {
  const names = await readable(() => fileSystem.list(directory));
  const indexes = names.filter((name) => name.endsWith(INDEX_SUFFIX));
  if (indexes.length > 1)
    throw formatError("model", "no-model", "several indexes are there: name the one that is meant");
  const [index] = indexes;
  if (index !== undefined) return await fromIndex(directory, index, fileSystem);
  return { directory, names: names.filter((name) => name.endsWith(SUFFIX)) };
}

async function fromIndex(directory: string, name: string, fileSystem: FileSystem): Promise<Found> {
  const json = parseIndex(await readWhole(`${directory}/${name}`, fileSystem));
  const map = json["weight_map"];
  if (typeof map !== "object" || map === null || Array.isArray(map)) {
    throw formatError("safetensors-index", "index-json", "weight_map is no object");
  }
  const index = new Map<string, string>();
  for (const [tensor, file] of Object.entries(map)) {
    if (typeof file !== "string" || !isPlainName(file)) {
      const message = "a file name leaves the directory or is no .safetensors name";
      throw formatError("safetensors-index", "index-name", message);
    }
    index.set(tensor, file);
  }
  const names = [...new Set(index.values())].sort();
  return { directory, names, index };
}

/** One path component that ends in `.safetensors`: nothing that could name another directory, here or on Windows. */
function isPlainName(name: string): boolean {
  return (
    name.length <= 255 && /^[A-Za-z0-9_][A-Za-z0-9._-]*\.safetensors$/.test(name) && !name.includes("..")
  );
}

function parseIndex(bytes: Uint8Array): JsonObject {
  let value: JsonValue;
  try {
    value = parseStrictJson(bytes, { format: "safetensors-index", maxBytes: INDEX_BYTES_MAX, maxDepth: 8 });
  } catch (cause) {
    throw formatError("safetensors-index", "index-json", "the index is not strict JSON", 0, cause);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw formatError("safetensors-index", "index-json", "the index is no JSON object");
  }
  return value as JsonObject;
}

/** Every tensor of the index is in the file it names, and no tensor is in two files. */
function assertIndex(files: readonly ModelFile[], index: ReadonlyMap<string, string> | undefined): void {
  const where = new Map<string, string>();
  for (const { name, tensors } of files) {
    for (const tensor of tensors) {
      if (where.has(tensor.name)) throw formatError("model", "duplicate-tensor", "a tensor is in two files");
      where.set(tensor.name, name);
    }
  }
  for (const [tensor, file] of index ?? []) {
    if (where.get(tensor) !== file) {
      throw formatError("safetensors-index", "index-tensor", "a tensor is not in the file the index names");
    }
  }
}

async function readFile(directory: string, name: string, fileSystem: FileSystem): Promise<ModelFile> {
  const path = `${directory}/${name}`;
  return await withFile(path, fileSystem, async (file, bytes) => {
    const { payloadOffset, tensors } = await readSafetensorsHeader(file, bytes);
    return { name, path, bytes, payloadOffset, tensors };
  });
}

function readWhole(path: string, fileSystem: FileSystem): Promise<Uint8Array> {
  return withFile(path, fileSystem, async (file, bytes) => {
    if (bytes > INDEX_BYTES_MAX)
      throw formatError("safetensors-index", "index-json", "the index is too large");
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
function withFile<Result>(
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

async function readable<Result>(read: () => Promise<Result>): Promise<Result> {
  try {
    return await read();
  } catch (cause) {
    if (isVramError(cause)) throw cause;
    const message = "a file of the model cannot be read: check that it exists and may be read";
    throw new VramError("ERR_SOURCE", message, { reason: "unreadable" }, { cause });
  }
}
