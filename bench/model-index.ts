import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { openModel } from "../packages/formats/src/index.ts";
import { nodeFileSystem } from "../packages/types/src/node/index.ts";
import { median } from "./machine.ts";
import { type Part, part } from "./part.ts";

const SHARDS = 100;
const TENSORS = 12;
const TENSOR_BYTES = 64;
const RUNS = 21;

/** What the structural check of an index and its 100 shards costs: every header read, every range checked, no weights. */
export async function modelIndexPart(folder: string): Promise<Part> {
  const directory = join(folder, "model-index");
  await writeModel(directory);
  const times: number[] = [];
  for (let run = 0; run <= RUNS; run += 1) {
    const started = performance.now();
    await openModel(directory, nodeFileSystem);
    // The first run compiles.
    if (run > 0) times.push(performance.now() - started);
  }
  const detail = { shards: SHARDS, tensors: SHARDS * TENSORS, runs: RUNS };
  return part(
    "model-index",
    "median time of the structural check, ms",
    { atMost: 50 },
    median(times),
    detail,
  );
}

async function writeModel(directory: string): Promise<void> {
  await mkdir(directory);
  const map: Record<string, string> = {};
  for (let shard = 1; shard <= SHARDS; shard += 1) {
    const name = `model-${String(shard).padStart(5, "0")}-of-${String(SHARDS).padStart(5, "0")}.safetensors`;
    const entries = Array.from({ length: TENSORS }, (_, index) => {
      const tensor = `model.layers.${shard}.block.${index}.weight`;
      map[tensor] = name;
      const begin = index * TENSOR_BYTES;
      return [tensor, { dtype: "U8", shape: [TENSOR_BYTES], data_offsets: [begin, begin + TENSOR_BYTES] }];
    });
    const header = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
    const length = new BigUint64Array([BigInt(header.length)]);
    await Bun.write(
      join(directory, name),
      new Blob([length, header, new Uint8Array(TENSORS * TENSOR_BYTES)]),
    );
  }
  await Bun.write(join(directory, "model.safetensors.index.json"), JSON.stringify({ weight_map: map }));
}
