/** A device that fails on demand: the mock with scripted faults (allocator-mock). */
import { MockAllocator } from "@vram-residency/allocator-mock";
import { mockControl } from "@vram-residency/allocator-mock/testing";
import { fakeClock, fakeTimers, seededRandom, sourceOf } from "@vram-residency/testing";
import { byteCount, deviceIndex, isVramError } from "@vram-residency/types";
import { weights } from "./lib/tiny-model.ts";

const ports = { timers: fakeTimers(fakeClock()), random: seededRandom(1) };
await using mock = new MockAllocator({ capacityBytes: 1024 ** 2, ...ports });
const control = mockControl(mock);
const device = deviceIndex(0);
const allocate = () => mock.allocate(device, byteCount(10_000, "bytes"));
const digest = async () => (await mock.digest(id, { algorithm: "fsverity-sha256" })).digest;

control.script([
  { operation: "allocate", at: 1, fault: "out-of-memory" },
  { operation: "ingest", at: 1, fault: "corrupt-copy" },
  { operation: "wipe", at: 1, fault: "wipe-nothing" },
]);

const error = await allocate().catch((reason: unknown) => reason);
if (isVramError(error)) console.log(`first try: ${error.code} (${error.class})`);

const id = await allocate();
const options = { identity: true, residency: "fsverity-sha256" } as const;
const report = await mock.ingest(id, sourceOf(weights(10_000)), options);
console.log(`copied ${report.bytes} bytes; memory as it was sent: ${(await digest()) === report.residency}`);
await mock.ingest(id, sourceOf(weights(10_000)), options);
console.log(`copied again; memory as it was sent: ${(await digest()) === report.residency}`);

control.flipBit(id, 4096, 0);
console.log(`one bit flipped; memory as it was sent: ${(await digest()) === report.residency}`);
console.log(`first wipe: ${(await mock.wipe(id)).nonZeroBytes} bytes are not zero`);
console.log(`second wipe: ${(await mock.wipe(id)).nonZeroBytes} bytes are not zero`);
await mock.free(id);
console.log(`fired: ${control.fired().join(", ")}; the whole device is zero: ${control.isZero(device)}`);
