/**
 * What the driver says of one allocation, in the words of the port.
 *
 * @module
 */
import type { Access, Observations, ResidencyEvidence } from "@vram-residency/types";
import { VR } from "./constants.ts";
import { known, knownFlag, names } from "./facts.ts";
import type { VR_EVIDENCE } from "./layouts.ts";
import type { Decoded } from "./struct.ts";

const LOCATIONS = names(
  [VR.LOCATION_DEVICE, "device"],
  [VR.LOCATION_HOST, "host"],
  [VR.LOCATION_HOST_NUMA, "host-numa"],
);
const MEMORIES = names(
  [VR.MEMORY_DEVICE, "device"],
  [VR.MEMORY_HOST, "host"],
  [VR.MEMORY_MANAGED, "managed"],
);
const ACCESSES = names<Access>(
  [VR.ACCESS_NONE, "none"],
  [VR.ACCESS_READ, "read"],
  [VR.ACCESS_READ_WRITE, "read-write"],
  [VR.ACCESS_UNENFORCED, "unenforced"],
);
const POSIX_DESCRIPTOR = 1;
/** No device has this ordinal: where the driver names none, none must match. */
const NOWHERE = -1;

/**
 * @param deviceUuid - Of the device that was asked.
 * @param observed - What the library saw besides, as flat JSON.
 */
export function residencyEvidence(
  found: Decoded<typeof VR_EVIDENCE>,
  deviceUuid: string,
  observed: string,
): ResidencyEvidence {
  return {
    kind: "device",
    stable: {
      backend: "cuda",
      path: found.path === VR.PATH_VMM ? "vmm" : "plain",
      deviceUuid,
      ordinal: found.location_id === VR.UNKNOWN ? NOWHERE : found.location_id,
      location: known(found.location, LOCATIONS),
      memoryType: known(found.memory_type, MEMORIES),
      managed: knownFlag(found.managed),
      hostPointer: knownFlag(found.host_pointer),
      // A range that does not reach around all of the shard is no range around it.
      rangeBytes: found.covers === 1 ? found.range_bytes : 0,
      bufferId: numberOf(found.buffer_id),
      blockId: numberOf(found.block_id),
      access: known(found.access, ACCESSES),
      handleTypes: (found.handle_types & POSIX_DESCRIPTOR) === 0 ? [] : ["posix-fd"],
    },
    observations: {
      ...observations(observed),
      mapped: answer(knownFlag(found.mapped)),
      pool: answer(knownFlag(found.pool)),
      hostAccess: answer(known(found.host_access, ACCESSES)),
    },
  };
}

function numberOf(id: bigint): string {
  return id === 0n ? "unknown" : String(id);
}

function answer(fact: string | boolean): string | boolean | null {
  return fact === "unknown" ? null : fact;
}

/** Takes the plain values of an object; anything else the library might write is left out. */
function observations(text: string): Observations {
  if (text === "") return {};
  const found: unknown = JSON.parse(text);
  const plain = (value: unknown): value is string | number | boolean | null =>
    value === null || ["string", "number", "boolean"].includes(typeof value);
  return Object.fromEntries(Object.entries(found as object).filter(([, value]) => plain(value)));
}
