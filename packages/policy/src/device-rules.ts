/**
 * Rules about the device, its driver and the native library.
 *
 * @module
 */
import type { DeviceFacts } from "@vram-residency/types";
import { isAtLeast, parseDriverVersion } from "./driver-version.ts";
import type { Outcome, Policy, Rule } from "./model.ts";
import { ALWAYS, CORE, EVERY_PHASE, FITNESS, judge, outcomeOf, RECORDED, STRENGTH } from "./rule.ts";

/** A question to hardware. A mock has none, and no device at all is `device-present`'s to refuse. */
function ofHardware(question: (device: DeviceFacts, policy: Policy) => Outcome): Rule["evaluate"] {
  return ({ device }, policy) =>
    device === undefined || device.backend === "mock" ? "not-applicable" : question(device, policy);
}

/** Facts that only hardware has. */
const HARDWARE_FACTS = [
  "computeCapability",
  "integrated",
  "driverModel",
  "driverVersion",
  "vmm",
  "addressingMode",
  "numaNode",
  "ecc",
  "rowRemap",
  "migMode",
  "mps",
] as const satisfies readonly (keyof DeviceFacts)[];

function claimsNoHardware({ device }: Parameters<Rule["evaluate"]>[0]): Outcome {
  if (device?.backend !== "mock") {
    return "not-applicable";
  }
  const silent = HARDWARE_FACTS.every((fact) => device[fact] === "unknown");
  return outcomeOf(silent && (device.native === "none" || device.native === "unknown"));
}

function backendAsRequested({ device, requestedBackend }: Parameters<Rule["evaluate"]>[0]): Outcome {
  if (device === undefined) {
    return "not-applicable";
  }
  // "auto" means whatever hardware answers. The mock is taken only when it is named.
  const wanted = judge(requestedBackend, ["auto", "cuda", "mock"], []) === "holds";
  return wanted ? outcomeOf(device.backend === (requestedBackend === "mock" ? "mock" : "cuda")) : "unknown";
}

function computeCapability({ computeCapability: found }: DeviceFacts, policy: Policy): Outcome {
  if (found === "unknown" || !Number.isSafeInteger(found.major) || !Number.isSafeInteger(found.minor)) {
    return "unknown";
  }
  const { major, minor } = policy.minimumComputeCapability;
  return outcomeOf(found.major > major || (found.major === major && found.minor >= minor));
}

function driverFloor({ driverVersion }: DeviceFacts, policy: Policy): Outcome {
  const found = parseDriverVersion(driverVersion);
  const floor = parseDriverVersion(policy.driverFloor);
  return found === undefined || floor === undefined ? "unknown" : outcomeOf(isAtLeast(found, floor));
}

function nativePinned({ native }: DeviceFacts): Outcome {
  // A CUDA device without a native library has not said what its answers come from.
  return typeof native === "object" ? judge(native.pinned, [true], [false]) : judge(native, [], ["none"]);
}

/** In the order in which reasons are given. */
export const DEVICE_RULES: readonly Rule[] = [
  {
    id: "device-present",
    title: "a device answers",
    appliesTo: EVERY_PHASE,
    evaluate: ({ device }) => outcomeOf(device !== undefined),
    remedy: 'install the driver and let this process open the device, or name the mock: backend "mock"',
    effects: ALWAYS,
  },
  {
    id: "backend-as-requested",
    title: "the backend is the one that was asked for",
    appliesTo: EVERY_PHASE,
    evaluate: backendAsRequested,
    remedy: 'name the backend that is meant, "cuda" or "mock": neither stands in for the other',
    effects: ALWAYS,
  },
  {
    id: "cuda-device-present",
    title: "the device is a CUDA device",
    appliesTo: EVERY_PHASE,
    evaluate: ({ device }) =>
      device === undefined ? "not-applicable" : judge(device.backend, ["cuda"], ["mock"]),
    remedy: 'run on a machine with a CUDA device, or accept the mock with the profile "development"',
    effects: {
      strict: { violated: "refuse", unknown: "refuse" },
      default: { violated: "warn", unknown: "refuse" },
      development: { violated: "accept", unknown: "refuse" },
    },
  },
  {
    id: "mock-claims-no-hardware",
    title: "a mock states no fact that only hardware has",
    appliesTo: EVERY_PHASE,
    evaluate: claimsNoHardware,
    remedy:
      'report this against the allocator: a mock must answer "unknown" to every question about hardware',
    effects: ALWAYS,
  },
  {
    id: "not-integrated",
    title: "the device has memory of its own, not the host's",
    appliesTo: EVERY_PHASE,
    evaluate: ofHardware(({ integrated }) => judge(integrated, [false], [true])),
    remedy: "choose a discrete GPU: on an integrated one device memory is host memory",
    effects: CORE,
  },
  {
    id: "not-paged",
    title: "the driver does not page device memory to the host, as WSL and WDDM do",
    appliesTo: EVERY_PHASE,
    evaluate: ofHardware(({ driverModel }) => judge(driverModel, ["linux", "tcc"], ["wsl", "wddm"])),
    remedy: "run on Linux outside WSL, or put the device into TCC mode",
    effects: CORE,
  },
  {
    id: "compute-capability",
    title: "the device has the minimum compute capability",
    appliesTo: EVERY_PHASE,
    evaluate: ofHardware(computeCapability),
    remedy: "choose a newer device, or lower minimumComputeCapability",
    effects: FITNESS,
  },
  {
    id: "vram-minimum",
    title: "the device has the minimum of memory",
    appliesTo: EVERY_PHASE,
    evaluate: ofHardware(({ totalBytes }, policy) =>
      Number.isSafeInteger(totalBytes) ? outcomeOf(totalBytes >= policy.minimumVramBytes) : "unknown",
    ),
    remedy: "choose a larger device, or lower minimumVramBytes",
    effects: FITNESS,
  },
  {
    id: "driver-floor",
    title: "the driver is at least the oldest that is supported",
    appliesTo: EVERY_PHASE,
    evaluate: ofHardware(driverFloor),
    remedy: "update the driver, or lower driverFloor",
    effects: FITNESS,
  },
  {
    id: "vmm-or-reduced-claim",
    title: "memory can be pinned to the device by its mapping, or the reduced claim is accepted",
    appliesTo: EVERY_PHASE,
    evaluate: ofHardware(({ vmm }, policy) =>
      policy.acceptReducedClaim ? "holds" : judge(vmm, [true], [false]),
    ),
    remedy: "choose a device and driver with virtual memory management, or set acceptReducedClaim",
    effects: CORE,
  },
  {
    id: "no-ats",
    title: "host and device do not share page tables (ATS)",
    appliesTo: EVERY_PHASE,
    evaluate: ofHardware(({ addressingMode }) => judge(addressingMode, ["none", "hmm"], ["ats"])),
    remedy: "choose a device that is not coherent with the host's memory, or turn ATS off",
    effects: FITNESS,
  },
  {
    id: "no-numa-node",
    title: "device memory is not a NUMA node of the operating system",
    appliesTo: EVERY_PHASE,
    evaluate: ofHardware(({ numaNode }) => judge(numaNode, [false], [true])),
    remedy: "load the driver so that device memory is not onlined as a NUMA node",
    effects: FITNESS,
  },
  {
    id: "hmm-recorded",
    title: "kernels cannot reach host memory (HMM is off)",
    appliesTo: EVERY_PHASE,
    evaluate: ofHardware(({ addressingMode }) => judge(addressingMode, ["none", "ats"], ["hmm"])),
    remedy:
      "nothing while every check of an allocation is known; to silence it, load the driver with HMM off",
    effects: RECORDED,
  },
  {
    id: "ecc-on",
    title: "the device corrects memory errors (ECC is on)",
    appliesTo: EVERY_PHASE,
    evaluate: ofHardware(({ ecc }) => judge(ecc, ["on"], ["off"])),
    remedy: "turn ECC on and reset the device, or choose one that has ECC",
    effects: STRENGTH,
  },
  {
    id: "row-remap-clean",
    title: "no failed memory row waits for its replacement, or cannot be replaced",
    appliesTo: EVERY_PHASE,
    evaluate: ofHardware(({ rowRemap }) => judge(rowRemap, ["clean"], ["pending", "failed"])),
    remedy: "reset the device to finish a pending remap; replace the device when the remap failed",
    effects: { ...FITNESS, development: { violated: "warn", unknown: "accept" } },
  },
  {
    id: "mig-recorded",
    title: "the device is whole, or the MIG slice in use is named",
    appliesTo: EVERY_PHASE,
    evaluate: ofHardware(({ migMode, mig }) =>
      migMode === true ? outcomeOf(mig !== undefined) : judge(migMode, [false], []),
    ),
    remedy: "choose the MIG instance by its UUID, so that seals name it",
    effects: RECORDED,
  },
  {
    id: "mps-recorded",
    title: "no other process shares the device's context (MPS is off)",
    appliesTo: EVERY_PHASE,
    evaluate: ofHardware(({ mps }) => judge(mps, [false], [true])),
    remedy: "stop the MPS daemon, or trust every client of it as this process is trusted",
    effects: RECORDED,
  },
  {
    id: "native-pinned",
    title: "the native library is the one whose digest is pinned",
    appliesTo: EVERY_PHASE,
    evaluate: ofHardware(nativePinned),
    remedy: "pin the digest of the native library, or reinstall the published one",
    effects: STRENGTH,
  },
];
