/**
 * Writes models small enough to print.
 *
 * @module
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";

/** Bytes that are the same in every run, and no two blocks of which are alike. */
export function weights(bytes: number, seed = 1): Uint8Array {
  let state = seed;
  return Uint8Array.from({ length: bytes }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state >>> 24;
  });
}

/** A safetensors file of U8 tensors, in the order given. */
export function safetensorsOf(tensors: Readonly<Record<string, number>>, seed = 1): Uint8Array {
  const header: Record<string, unknown> = {};
  let end = 0;
  for (const [name, bytes] of Object.entries(tensors)) {
    header[name] = { dtype: "U8", shape: [bytes], data_offsets: [end, end + bytes] };
    end += bytes;
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  const file = new Uint8Array(8 + json.length + end);
  new DataView(file.buffer).setBigUint64(0, BigInt(json.length), true);
  file.set(json, 8);
  file.set(weights(end, seed), 8 + json.length);
  return file;
}

/** Writes a model of two files with their index into `directory`. */
export async function writeModel(directory: string): Promise<void> {
  const files = {
    "model-00001-of-00002.safetensors": { "embed.weight": 9000, "layers.0.weight": 5000 },
    "model-00002-of-00002.safetensors": { "layers.1.weight": 7000, "head.weight": 3000 },
  };
  const weightMap: Record<string, string> = {};
  for (const [file, tensors] of Object.entries(files)) {
    for (const tensor of Object.keys(tensors)) weightMap[tensor] = file;
    await writeFile(join(directory, file), safetensorsOf(tensors));
  }
  const index = JSON.stringify({ metadata: {}, weight_map: weightMap });
  await writeFile(join(directory, "model.safetensors.index.json"), index);
}
