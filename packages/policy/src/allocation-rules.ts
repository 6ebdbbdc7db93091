/**
 * Rules about one allocation, by the evidence for it.
 *
 * @module
 */
import type { StableEvidence } from "@vram-residency/types";
import type { Outcome, PolicyFacts, Rule } from "./model.ts";
import { ALWAYS, CORE, judge, outcomeOf, STRENGTH, WITH_ALLOCATION, WITH_CONTENT } from "./rule.ts";

type Evaluate = Rule["evaluate"];

/** A question to the evidence of hardware. Evidence that is missing is unknown; a mock's is not hardware's. */
function ofHardwareEvidence(
  question: (evidence: StableEvidence, ...rest: Parameters<Evaluate>) => Outcome,
): Evaluate {
  return (facts, policy) => {
    if (facts.device === undefined || facts.device.backend === "mock") {
      return "not-applicable";
    }
    return facts.allocation === undefined
      ? "unknown"
      : question(facts.allocation.evidence.stable, facts, policy);
  };
}

function evidenceOfBackend({ device, allocation }: PolicyFacts): Outcome {
  if (device === undefined) {
    return "not-applicable";
  }
  if (allocation === undefined) {
    return "unknown";
  }
  const { kind, stable } = allocation.evidence;
  if (stable.backend !== device.backend) {
    return "violated";
  }
  const mock = [
    kind === "mock",
    stable.path === "mock",
    stable.location === "mock",
    stable.memoryType === "mock",
  ];
  // All of it a mock's, or none of it.
  return outcomeOf(device.backend === "mock" ? mock.every(Boolean) : !mock.some(Boolean));
}

function onDevice({ device, allocation }: PolicyFacts): Outcome {
  if (device === undefined) {
    return "not-applicable";
  }
  if (allocation === undefined) {
    return "unknown";
  }
  const { deviceUuid, ordinal } = allocation.evidence.stable;
  if (typeof device.uuid !== "string" || device.uuid === "") {
    return "unknown";
  }
  return outcomeOf(deviceUuid === device.uuid && ordinal === device.ordinal);
}

function rangeCovers({ allocation }: PolicyFacts): Outcome {
  const found = allocation?.evidence.stable.rangeBytes;
  const wanted = allocation?.bytes;
  return Number.isSafeInteger(found) &&
    Number.isSafeInteger(wanted) &&
    found !== undefined &&
    wanted !== undefined
    ? outcomeOf(wanted >= 0 && found >= wanted)
    : "unknown";
}

/** The checks that tell device memory from any other; under HMM a host pointer would not fault, so only these would notice. */
function hmmChecked(stable: StableEvidence, { device }: PolicyFacts): Outcome {
  const mode = judge(device?.addressingMode, ["none", "ats"], ["hmm"]);
  if (mode !== "violated") {
    return mode;
  }
  const { location, memoryType, managed, hostPointer } = stable;
  return outcomeOf(![location, memoryType, managed, hostPointer].some((fact) => fact === "unknown"));
}

const readOnly: Evaluate = ({ allocation }, policy) => {
  if (!policy.readOnlyAfterSealing && allocation?.readOnlyAsked === false) {
    return "not-applicable";
  }
  return judge(allocation?.evidence.stable.access, ["read"], ["none", "read-write", "unenforced"]);
};

/** In the order in which reasons are given. */
export const ALLOCATION_RULES: readonly Rule[] = [
  {
    id: "evidence-of-backend",
    title: "the evidence is of the same kind of memory as the device",
    appliesTo: WITH_ALLOCATION,
    evaluate: evidenceOfBackend,
    remedy: "report this against the allocator: a mock must say mock, and a device must not",
    effects: ALWAYS,
  },
  {
    id: "allocation-on-device",
    title: "the allocation lies on the device that was chosen, by UUID and ordinal",
    appliesTo: WITH_ALLOCATION,
    evaluate: onDevice,
    remedy: "release the shard and seal it again: devices were renumbered, or the driver placed it elsewhere",
    effects: ALWAYS,
  },
  {
    id: "allocation-pinned",
    title: "the allocation's own properties say that it is pinned to device memory",
    appliesTo: WITH_ALLOCATION,
    evaluate: ofHardwareEvidence(({ location, path }, _facts, policy) => {
      const outcome = judge(location, ["device"], ["host", "host-numa", "mock"]);
      // The reduced claim is just this: without a mapping there are no properties to ask, only pointer attributes.
      return outcome === "unknown" && path === "plain" && policy.acceptReducedClaim
        ? "not-applicable"
        : outcome;
    }),
    remedy:
      "allocate through virtual memory management on the device, or set acceptReducedClaim for plain memory",
    effects: CORE,
  },
  {
    id: "memory-type-device",
    title: "the driver calls the memory device memory",
    appliesTo: WITH_ALLOCATION,
    evaluate: ofHardwareEvidence(({ memoryType }) =>
      judge(memoryType, ["device"], ["host", "managed", "mock"]),
    ),
    remedy: "free the allocation and look for what hands out host memory in its place",
    effects: CORE,
  },
  {
    id: "not-managed",
    title: "the memory is not managed, so the driver may not migrate it",
    appliesTo: WITH_ALLOCATION,
    evaluate: ofHardwareEvidence(({ managed }) => judge(managed, [false], [true])),
    remedy: "allocate without managed memory, and remove whatever replaces the allocation calls",
    effects: CORE,
  },
  {
    id: "no-host-pointer",
    title: "the driver gives no host pointer for the memory",
    appliesTo: WITH_ALLOCATION,
    evaluate: ofHardwareEvidence(({ hostPointer }) => judge(hostPointer, [false], [true])),
    remedy: "free the allocation: it is mapped host memory, or exposed to the host",
    effects: CORE,
  },
  {
    id: "range-covers-shard",
    title: "the driver's range covers the whole shard",
    appliesTo: WITH_ALLOCATION,
    evaluate: rangeCovers,
    remedy: "release the shard and seal it again, and report this against the allocator",
    effects: ALWAYS,
  },
  {
    id: "hmm-checked",
    title: "while kernels can reach host memory (HMM), every check of the allocation is known",
    appliesTo: WITH_ALLOCATION,
    evaluate: ofHardwareEvidence(hmmChecked),
    remedy: "update the driver so that it answers every check, or load it with HMM off",
    effects: { ...STRENGTH, development: { violated: "warn", unknown: "accept" } },
  },
  {
    id: "read-only",
    title: "the driver lets nobody write the sealed memory through our mapping",
    appliesTo: WITH_CONTENT,
    evaluate: readOnly,
    remedy: "use virtual memory management with one mapping per shard, or turn readOnlyAfterSealing off",
    effects: STRENGTH,
  },
];
