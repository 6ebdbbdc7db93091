/** Which tensors a model file holds, and where; then files that lie (formats). */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openModel } from "@vram-residency/formats";
import { hasCode } from "@vram-residency/types";
import { nodeFileSystem } from "@vram-residency/types/node";
import { scratch } from "./lib/scratch.ts";
import { safetensorsOf, writeModel } from "./lib/tiny-model.ts";

await using folder = await scratch();
await writeModel(folder.path);
const model = await openModel(folder.path, nodeFileSystem);
console.log(`${model.format}, ${model.files.length} files`);
for (const { name, bytes, payloadOffset, tensors } of model.files) {
  console.log(`${name}: ${bytes} bytes, data from ${payloadOffset}`);
  for (const { name: tensor, offset, bytes: size, dtype, shape } of tensors) {
    console.log(`  ${tensor.padEnd(16)} ${dtype} [${shape?.join(", ")}]  ${size} bytes at ${offset}`);
  }
}

const good = safetensorsOf({ w: 100 });
const header = (json: string): Uint8Array => {
  const text = new TextEncoder().encode(json);
  return Uint8Array.from([text.length, 0, 0, 0, 0, 0, 0, 0, ...text]);
};
const liars: Readonly<Record<string, Uint8Array>> = {
  truncated: good.subarray(0, good.length - 1),
  "more behind it": Uint8Array.from([...good, 0]),
  "a header of 2^56 bytes": Uint8Array.from([0, 0, 0, 0, 0, 0, 0, 1, ...good.subarray(8)]),
  "no JSON": header("{nonsense}"),
  "overlapping tensors": header(
    '{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,2]}}',
  ),
};
for (const [what, bytes] of Object.entries(liars)) {
  const path = join(folder.path, "liar.safetensors");
  await writeFile(path, bytes);
  const error = await openModel(path, nodeFileSystem).catch((reason: unknown) => reason);
  if (hasCode(error, "ERR_FORMAT_INVALID")) {
    console.log(`${what}: rule "${error.detail.rule}" at byte ${error.detail.offset}`);
  }
}
