/**
 * What the library says of a device, in the words of the port.
 *
 * @module
 */
import {
  byteCount,
  type DeviceCapacity,
  type DeviceFacts,
  deviceIndex,
  type Known,
} from "@vram-residency/types";
import { VR } from "./constants.ts";
import type { VR_CAPACITY, VR_DEVICE } from "./layouts.ts";
import type { Decoded } from "./struct.ts";

const MODELS = names(
  [VR.MODEL_LINUX, "linux"],
  [VR.MODEL_WSL, "wsl"],
  [VR.MODEL_WDDM, "wddm"],
  [VR.MODEL_TCC, "tcc"],
);
const ADDRESSING = names(
  [VR.ADDRESSING_NONE, "none"],
  [VR.ADDRESSING_HMM, "hmm"],
  [VR.ADDRESSING_ATS, "ats"],
);
const REMAPS = names([VR.REMAP_CLEAN, "clean"], [VR.REMAP_PENDING, "pending"], [VR.REMAP_FAILED, "failed"]);

/** Names of the library's numbers. */
export function names<Name extends string>(
  ...pairs: readonly (readonly [value: number, name: Name])[]
): ReadonlyMap<number, Name> {
  return new Map(pairs);
}

/** The name of a number; a number without one says nothing, and so does the library's "unknown". */
export function known<Name extends string>(value: number, from: ReadonlyMap<number, Name>): Known<Name> {
  return from.get(value) ?? "unknown";
}

/** Only 0 and 1 are answers. */
export function knownFlag(value: number): Known<boolean> {
  return value === 0 || value === 1 ? value === 1 : "unknown";
}

/** @param native - The library that says so. */
export function deviceFacts(
  device: Decoded<typeof VR_DEVICE>,
  native: { readonly digest: string; readonly pinned: boolean },
): DeviceFacts {
  const { capability_major: major, capability_minor: minor } = device;
  const ecc = knownFlag(device.ecc);
  return {
    backend: "cuda",
    ordinal: deviceIndex(device.ordinal),
    uuid: device.uuid,
    name: device.name,
    totalBytes: byteCount(device.total_bytes, "totalBytes"),
    ...(device.pci === "" ? {} : { pci: device.pci }),
    ...(device.mig === "" ? {} : { mig: device.mig }),
    computeCapability: major < 0 || minor < 0 ? "unknown" : { major, minor },
    integrated: knownFlag(device.integrated),
    driverModel: known(device.driver_model, MODELS),
    driverVersion: device.driver_version === "" ? "unknown" : device.driver_version,
    vmm: knownFlag(device.vmm),
    addressingMode: known(device.addressing, ADDRESSING),
    numaNode: knownFlag(device.numa_node),
    ecc: ecc === "unknown" ? ecc : ecc ? "on" : "off",
    rowRemap: known(device.row_remap, REMAPS),
    migMode: knownFlag(device.mig_mode),
    mps: knownFlag(device.mps),
    native,
  };
}

export function deviceCapacity(found: Decoded<typeof VR_CAPACITY>): DeviceCapacity {
  return {
    totalBytes: byteCount(found.total_bytes, "totalBytes"),
    freeBytes: byteCount(found.free_bytes, "freeBytes"),
    largestFreeBytes: byteCount(found.largest_bytes, "largestFreeBytes"),
    granularityBytes: byteCount(found.granularity_bytes, "granularityBytes"),
    oursBytes: byteCount(found.ours_bytes, "oursBytes"),
    foreignBytes: byteCount(found.foreign_bytes, "foreignBytes"),
    stagingBytes: byteCount(found.staging_bytes, "stagingBytes"),
  };
}
