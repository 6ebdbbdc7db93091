import type { ResidencyEvidence } from "@vram-residency/types";
import type { Allocation } from "./device.ts";

/** What the mock says of one allocation: that it is a mock, in every field that could say so. */
export function mockEvidence({ device, block, bufferId, blockId, access }: Allocation): ResidencyEvidence {
  return {
    kind: "mock",
    stable: {
      backend: "mock",
      path: "mock",
      deviceUuid: device.uuid,
      ordinal: device.ordinal,
      location: "mock",
      memoryType: "mock",
      managed: false,
      hostPointer: false,
      rangeBytes: block.bytes,
      bufferId: String(bufferId),
      blockId: String(blockId),
      access,
      handleTypes: [],
    },
    observations: {},
  };
}
