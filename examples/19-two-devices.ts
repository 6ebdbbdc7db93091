/** Two devices: where a shard lies is part of its seal (the facade). */
import { hasCode, openVram } from "vram-residency";
import { weights } from "./lib/tiny-model.ts";

await using vram = await openVram({ backend: "mock", mock: { devices: 2, capacityBytes: 128 * 1024 } });
for (const { device, backend, state } of vram.devices())
  console.log(`device ${device}: ${backend}, ${state}`);

// To the device with the most room, one after the other.
for (const [index, bytes] of [60_000, 40_000, 30_000, 30_000].entries()) {
  const rooms = await Promise.all([0, 1].map(async (device) => (await vram.capacity(device)).availableBytes));
  const gpuDevice = (rooms[0] ?? 0) >= (rooms[1] ?? 0) ? 0 : 1;
  await vram.sealModel(weights(bytes, index + 1), { shardId: `layer-${index}`, gpuDevice });
  console.log(`layer-${index}: ${bytes} bytes to device ${gpuDevice}`);
}
for (const device of [0, 1]) {
  const { usedBytes, availableBytes } = await vram.capacity(device);
  console.log(`device ${device}: ${usedBytes} used, ${availableBytes} available`);
}

const full = await vram.sealModel(weights(60_000), { gpuDevice: 0 }).catch((why: unknown) => why);
if (hasCode(full, "ERR_VRAM_INSUFFICIENT")) console.log(full.message);

const shard = vram.current("layer-0");
if (shard !== undefined) {
  const moved = { ...shard, gpuDevice: 1 };
  const error = await vram.verifySealed(moved).catch((why: unknown) => why);
  if (hasCode(error, "ERR_SEAL_VERIFICATION")) console.log(`said to lie on device 1: ${error.detail.reason}`);
}
