import { parseStrictJson } from "@vram-residency/crypto";
import type { FileSystem, JsonObject, JsonValue } from "@vram-residency/types";
import { formatError } from "./format-error.ts";
import { readWhole } from "./source-file.ts";

/** How the name of an index ends. */
export const INDEX_SUFFIX = ".safetensors.index.json";
const INDEX_BYTES_MAX = 100_000_000;
const FORMAT = "safetensors-index";

/**
 * Reads an index.
 *
 * @returns Tensor to file.
 * @throws {@link VramError} `ERR_FORMAT_INVALID` `index-json`, `index-name`; `ERR_SOURCE`.
 */
export async function readIndex(path: string, fileSystem: FileSystem): Promise<ReadonlyMap<string, string>> {
  const tooLarge = (): Error => formatError(FORMAT, "index-json", "the index is too large");
  const json = parseIndex(await readWhole(path, fileSystem, { bytesMax: INDEX_BYTES_MAX, tooLarge }));
  const map = json["weight_map"];
  if (typeof map !== "object" || map === null || Array.isArray(map)) {
    throw formatError(FORMAT, "index-json", "weight_map is no object");
  }
  const index = new Map<string, string>();
  for (const [tensor, file] of Object.entries(map)) {
    if (typeof file !== "string" || !isPlainName(file)) {
      const message = "a file name leaves the directory or is no .safetensors name";
      throw formatError(FORMAT, "index-name", message);
    }
    index.set(tensor, file);
  }
  return index;
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
    value = parseStrictJson(bytes, { format: FORMAT, maxBytes: INDEX_BYTES_MAX, maxDepth: 8 });
  } catch (cause) {
    throw formatError(FORMAT, "index-json", "the index is not strict JSON", 0, cause);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw formatError(FORMAT, "index-json", "the index is no JSON object");
  }
  return value as JsonObject;
}
