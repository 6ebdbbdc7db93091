/** One device, three profiles: facts in, a decision with reasons out (policy). */
import { createPolicy, evaluatePolicy, type PolicyFacts, policyDigest } from "@vram-residency/policy";
import { byteCount, type DeviceFacts, deviceIndex } from "@vram-residency/types";

const device: DeviceFacts = {
  backend: "cuda",
  ordinal: deviceIndex(0),
  uuid: "GPU-example",
  name: "a small device with an old driver",
  totalBytes: byteCount(8 * 1024 ** 3, "totalBytes"),
  computeCapability: { major: 7, minor: 5 },
  integrated: false,
  driverModel: "linux",
  driverVersion: "418.40.4",
  vmm: true,
  addressingMode: "none",
  numaNode: false,
  ecc: "off",
  rowRemap: "unknown",
  migMode: false,
  mps: false,
  native: { digest: "a".repeat(64), pinned: false },
};
const facts: PolicyFacts = {
  phase: "start",
  requestedBackend: "auto",
  device,
  staging: { usedBytes: 0, capBytes: 1024, loading: false },
};

for (const profile of ["strict", "default", "development"] as const) {
  const policy = createPolicy(profile);
  const decision = evaluatePolicy(policy, facts);
  console.log(`${profile}: ${decision.effect}, digest ${policyDigest(policy).slice(0, 16)}`);
  const reasons = decision.effect === "refuse" ? decision.reasons : [];
  for (const { rule, reason, remedy } of reasons) console.log(`  refuse ${rule}: ${reason}; ${remedy}`);
  for (const { rule, reason } of decision.warnings) console.log(`  warn   ${rule}: ${reason}`);
}
