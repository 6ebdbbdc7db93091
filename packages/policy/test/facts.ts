import type { PolicyFacts } from "@vram-residency/policy";
import {
  byteCount,
  type DeviceFacts,
  deviceIndex,
  type ResidencyEvidence,
  type StableEvidence,
} from "@vram-residency/types";

/** A device about which nothing is wrong and everything is known. */
export const DEVICE: DeviceFacts = {
  backend: "cuda",
  ordinal: deviceIndex(1),
  uuid: "GPU-1",
  name: "a device",
  totalBytes: byteCount(80 * 1024 ** 3, "totalBytes"),
  computeCapability: { major: 9, minor: 0 },
  integrated: false,
  driverModel: "linux",
  driverVersion: "535.104.5",
  vmm: true,
  addressingMode: "none",
  numaNode: false,
  ecc: "on",
  rowRemap: "clean",
  migMode: false,
  mps: false,
  native: { digest: "a".repeat(64), pinned: true },
};

export const STABLE: StableEvidence = {
  backend: "cuda",
  path: "vmm",
  deviceUuid: "GPU-1",
  ordinal: 1,
  location: "device",
  memoryType: "device",
  managed: false,
  hostPointer: false,
  rangeBytes: 2 * 1024 ** 2,
  bufferId: "1",
  blockId: "1",
  access: "read",
  handleTypes: [],
};

export const GOOD: PolicyFacts = {
  phase: "verify",
  requestedBackend: "auto",
  device: DEVICE,
  allocation: {
    evidence: { kind: "device", stable: STABLE, observations: {} },
    bytes: 1000,
    readOnlyAsked: true,
  },
  staging: { usedBytes: 0, capBytes: 1024, loading: false },
  identitySource: "computed",
};

/** A mock as it must be: it claims nothing. */
export const MOCK_DEVICE: DeviceFacts = {
  backend: "mock",
  ordinal: deviceIndex(0),
  uuid: "MOCK-1",
  name: "Mock device 0",
  totalBytes: byteCount(1024, "totalBytes"),
  computeCapability: "unknown",
  integrated: "unknown",
  driverModel: "unknown",
  driverVersion: "unknown",
  vmm: "unknown",
  addressingMode: "unknown",
  numaNode: "unknown",
  ecc: "unknown",
  rowRemap: "unknown",
  migMode: "unknown",
  mps: "unknown",
  native: "none",
};

const MOCK_EVIDENCE: ResidencyEvidence = {
  kind: "mock",
  stable: {
    ...STABLE,
    backend: "mock",
    path: "mock",
    deviceUuid: "MOCK-1",
    ordinal: 0,
    location: "mock",
    memoryType: "mock",
  },
  observations: {},
};

export const GOOD_MOCK: PolicyFacts = {
  ...GOOD,
  requestedBackend: "mock",
  device: MOCK_DEVICE,
  allocation: { evidence: MOCK_EVIDENCE, bytes: 1000, readOnlyAsked: true },
};

/** `facts` with some facts of the device changed. */
export function withDevice(change: object, facts: PolicyFacts = GOOD): PolicyFacts {
  return { ...facts, device: { ...(facts.device ?? DEVICE), ...change } };
}

/** `facts` with some of the stable evidence changed. */
export function withStable(change: object, facts: PolicyFacts = GOOD): PolicyFacts {
  const { allocation } = facts;
  if (allocation === undefined) {
    throw new Error("these facts have no allocation");
  }
  const evidence = { ...allocation.evidence, stable: { ...allocation.evidence.stable, ...change } };
  return { ...facts, allocation: { ...allocation, evidence } };
}

/** `facts` without one of its parts. */
export function without(
  part: "allocation" | "staging" | "identitySource",
  facts: PolicyFacts = GOOD,
): PolicyFacts {
  const { [part]: _left, ...rest } = facts;
  return rest;
}
