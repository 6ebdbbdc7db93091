/** The mock with the word of a GPU: what a driver would say of it is in the test's hands. */
import type { MockAllocator } from "@vram-residency/allocator-mock";
import type { Allocator, DeviceFacts, StableEvidence } from "@vram-residency/types";
import type { WorldOptions } from "./world.ts";

/** What the pretended driver says. Read at every call, so that a test can change it. */
export interface Word {
  device: Partial<DeviceFacts>;
  evidence: Partial<StableEvidence>;
}

/** A device about which nothing is wrong and everything is known. */
const GOOD_DEVICE: Partial<DeviceFacts> = {
  backend: "cuda",
  name: "pretended device",
  computeCapability: { major: 9, minor: 0 },
  integrated: false,
  driverModel: "linux",
  driverVersion: "570.0.0",
  vmm: true,
  addressingMode: "none",
  numaNode: false,
  ecc: "on",
  rowRemap: "clean",
  migMode: false,
  mps: false,
  native: { digest: "a".repeat(64), pinned: true },
};

const GOOD_EVIDENCE: Partial<StableEvidence> = {
  backend: "cuda",
  path: "vmm",
  location: "device",
  memoryType: "device",
  managed: false,
  hostPointer: false,
};

/** Settings of a manager over a pretended device. The policy wants 1 GiB; the mock's memory is made when it is written. */
export const HARDWARE: Pick<WorldOptions, "capacityBytes" | "parts"> = {
  capacityBytes: 2 * 1024 ** 3,
  parts: { policy: "default", config: { headroomBytes: 0 } },
};

/** Wraps a mock, so that all it says of itself is what `word` changes of a good GPU. */
export function pretendHardware(mock: MockAllocator, word: Partial<Word> = {}): Allocator {
  const replaced: Partial<Allocator> = {
    backend: "cuda",
    devices: async () =>
      (await mock.devices()).map((facts) => ({ ...facts, ...GOOD_DEVICE, ...word.device })),
    evidence: async (id) => {
      const { stable, observations } = await mock.evidence(id);
      return {
        kind: "device",
        stable: { ...stable, ...GOOD_EVIDENCE, ...word.evidence },
        observations,
      };
    },
  };
  return new Proxy<Allocator>(mock, {
    get(target, property) {
      const own: unknown = Reflect.get(replaced, property);
      if (own !== undefined) return own;
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
