/**
 * Parts of a manager over the mock that are the same in every run: clock, timers, randomness.
 *
 * @module
 */
import { MockAllocator } from "@vram-residency/allocator-mock";
import type { ManagerParts } from "@vram-residency/manager";
import { staticKeys } from "@vram-residency/seal";
import { fakeClock, fakeTimers, recordingSink, seededRandom } from "@vram-residency/testing";
import { nodeFileSystem } from "@vram-residency/types/node";

/** Makes the parts. The mock has 16 MiB unless told otherwise. */
export function mockParts(options: { devices?: number; capacityBytes?: number } = {}): ManagerParts {
  const clock = fakeClock();
  const timers = fakeTimers(clock);
  const random = seededRandom(1);
  const allocator = new MockAllocator({ capacityBytes: 16 * 1024 ** 2, ...options, timers, random });
  return {
    allocator,
    keys: staticKeys([{ secret: random.bytes(32), state: "active" }]),
    policy: "development",
    audit: recordingSink(),
    clock,
    timers,
    random,
    fileSystem: nodeFileSystem,
    owned: [allocator],
  };
}
