import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

interface Tensor {
  readonly name: string;
  readonly shape: readonly [number, number];
}

const HIDDEN = 512;
const INNER = 1024;
const VOCABULARY = 2048;
const LAYERS_PER_FILE = 1;
const FILES = 3;

/** The tensors of one file of a very small transformer. */
function tensorsOf(file: number): readonly Tensor[] {
  const layers = Array.from({ length: LAYERS_PER_FILE }, (_, index) => file * LAYERS_PER_FILE + index);
  const blocks = layers.flatMap((layer): Tensor[] => [
    { name: `model.layers.${layer}.self_attn.q_proj.weight`, shape: [HIDDEN, HIDDEN] },
    { name: `model.layers.${layer}.self_attn.k_proj.weight`, shape: [HIDDEN, HIDDEN] },
    { name: `model.layers.${layer}.self_attn.v_proj.weight`, shape: [HIDDEN, HIDDEN] },
    { name: `model.layers.${layer}.self_attn.o_proj.weight`, shape: [HIDDEN, HIDDEN] },
    { name: `model.layers.${layer}.mlp.up_proj.weight`, shape: [INNER, HIDDEN] },
    { name: `model.layers.${layer}.mlp.down_proj.weight`, shape: [HIDDEN, INNER] },
  ]);
  if (file === 0) return [{ name: "model.embed_tokens.weight", shape: [VOCABULARY, HIDDEN] }, ...blocks];
  if (file === FILES - 1) return [...blocks, { name: "lm_head.weight", shape: [VOCABULARY, HIDDEN] }];
  return blocks;
}

/** Fills with bfloat16 numbers around zero, the same ones in every run (xorshift32). */
function fill(data: Uint16Array, seed: number): void {
  let state = seed | 1;
  for (let index = 0; index < data.length; index++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    // Sign and mantissa from the generator, the exponent of numbers below 0.125.
    data[index] = ((state & 0x807f) | 0x3d80) & 0xffff;
  }
}

function encodeFile(file: number): Uint8Array {
  const tensors = tensorsOf(file);
  let offset = 0;
  const entries = tensors.map(({ name, shape }): [string, object] => {
    const begin = offset;
    offset += shape[0] * shape[1] * 2;
    return [name, { dtype: "BF16", shape, data_offsets: [begin, offset] }];
  });
  const json = JSON.stringify(Object.fromEntries([["__metadata__", { format: "pt" }], ...entries]));
  const header = new TextEncoder().encode(json.padEnd(Math.ceil(json.length / 8) * 8));
  const bytes = new Uint8Array(8 + header.length + offset);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(header.length), true);
  bytes.set(header, 8);
  fill(new Uint16Array(bytes.buffer, 8 + header.length, offset / 2), 0x5eed0000 + file);
  return bytes;
}

/**
 * Writes a small sharded safetensors model with deterministic weights: three files and an index, 14 MiB.
 *
 * @param directory - Made when missing; files of the same names are overwritten.
 */
export async function writeDemoModel(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  const weightMap: Record<string, string> = {};
  let total = 0;
  for (let file = 0; file < FILES; file++) {
    const name = `model-${String(file + 1).padStart(5, "0")}-of-${String(FILES).padStart(5, "0")}.safetensors`;
    const bytes = encodeFile(file);
    for (const tensor of tensorsOf(file)) weightMap[tensor.name] = name;
    total += bytes.length;
    await writeFile(join(directory, name), bytes);
  }
  const index = { metadata: { total_size: total }, weight_map: weightMap };
  await writeFile(join(directory, "model.safetensors.index.json"), `${JSON.stringify(index, null, 2)}\n`);
}
