/** Your own allocator behind openVram, here one with a quota (the facade). */
import { hasCode, MockAllocator, openVram, systemRandom, systemTimers } from "vram-residency";
import { LimitedAllocator } from "./lib/limited-allocator.ts";
import { weights } from "./lib/tiny-model.ts";

const mock = new MockAllocator({ capacityBytes: 1024 ** 2, timers: systemTimers, random: systemRandom });
await using allocator = new LimitedAllocator(mock, 64 * 1024);
await using vram = await openVram({ backend: "mock", allocator });

const { totalBytes, availableBytes } = await vram.capacity();
console.log(`the device has ${totalBytes} bytes, the quota leaves ${availableBytes}`);

const first = await vram.sealModel(weights(40_000), { shardId: "first" });
console.log(`first: sealed, ${(await vram.capacity()).availableBytes} bytes left`);

const refused = await vram.sealModel(weights(40_000), { shardId: "second" }).catch((why: unknown) => why);
if (hasCode(refused, "ERR_VRAM_INSUFFICIENT")) {
  const { neededBytes, availableBytes: left } = refused.detail;
  console.log(`second: refused, ${neededBytes} bytes needed, ${left} available; ${refused.class}`);
}

await vram.release(first);
await vram.verifySealed(await vram.sealModel(weights(40_000), { shardId: "second" }));
console.log("second: sealed once the first was released");
