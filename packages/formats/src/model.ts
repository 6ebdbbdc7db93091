/**
 * A model on disk: safetensors or GGUF, one file or several.
 *
 * @module
 */
import { assertPort, assertText, isWellFormed, refuseArgument } from "@vram-residency/crypto";
import type { FileSystem, TensorRange } from "@vram-residency/types";
import { formatError } from "./format-error.ts";
import { type GgufHeader, readGgufHeader } from "./gguf.ts";
import { assertSplit } from "./gguf-split.ts";
import { resolveFile } from "./hub-cache.ts";
import { type Found, locate } from "./locate.ts";
import { readSafetensorsHeader } from "./safetensors.ts";
import { withFile } from "./source-file.ts";

const FILES_MAX = 10_000;

/** One file of a model. */
export interface ModelFile {
  /** Name inside the model's directory. */
  readonly name: string;
  /** In a model cache the blob, not the link to it. */
  readonly path: string;
  /** Unit: bytes. */
  readonly bytes: number;
  /** Where its tensors begin. Unit: bytes. */
  readonly payloadOffset: number;
  readonly tensors: readonly TensorRange[];
}

/** A model whose headers have been read and checked. */
export interface Model {
  readonly format: "safetensors" | "gguf";
  /** By name. */
  readonly files: readonly [ModelFile, ...ModelFile[]];
  /** All files together. Unit: bytes. */
  readonly bytes: number;
  readonly tensorCount: number;
}

/**
 * Reads the headers of a model. No weights are looked at.
 *
 * @param path - A safetensors or GGUF file, an index, a directory with one of them or with the files of one model, or a model's folder in a
 * Hugging Face cache.
 * @throws {@link VramError} `ERR_SOURCE` when something cannot be read; `ERR_FORMAT_INVALID` when a file breaks its format,
 * with the rules of {@link readSafetensorsHeader} and {@link readGgufHeader} and `index-json`, `index-name`, `index-tensor`, `duplicate-tensor`,
 * `file-count`, `no-model`, `split`, `cache-ref`, `cache-link`; `ERR_INPUT_INVALID` for a path that is none.
 */
export async function openModel(path: string, fileSystem: FileSystem): Promise<Model> {
  assertPath(path);
  assertPort(fileSystem, "fileSystem", "stat", "list", "open");
  const found = await locate(path, fileSystem);
  if (found.names.length > FILES_MAX)
    throw formatError("model", "file-count", `more than ${FILES_MAX} files`);
  const [first, ...others] = await readFiles(found, fileSystem);
  if (first === undefined) throw formatError("model", "no-model", "no safetensors or GGUF file is there");
  const files = [first, ...others] as const;
  assertIndex(files, found.index);
  return {
    format: found.format,
    files,
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

async function readFiles({ format, place, names }: Found, fileSystem: FileSystem): Promise<ModelFile[]> {
  const files: ModelFile[] = [];
  const headers: GgufHeader[] = [];
  for (const name of names) {
    const path = await resolveFile(place, name, fileSystem);
    const { bytes, payloadOffset, tensors } = await withFile(path, fileSystem, async (file, length) => {
      if (format === "safetensors") return await readSafetensorsHeader(file, length);
      const header = await readGgufHeader(file, length);
      headers.push(header);
      return header;
    });
    files.push({ name, path, bytes, payloadOffset, tensors });
  }
  assertSplit(headers);
  return files;
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
