import { afterAll, expect, test } from "bun:test";
import { createPolicy, evaluatePolicy, type PolicyProfile } from "@vram-residency/policy";
import { byteCount, deviceIndex, isVramError } from "@vram-residency/types";
import { BUILT, driver, openFake } from "./fake-driver.ts";

const PROFILES: readonly PolicyProfile[] = ["strict", "default", "development"];
const BYTES = 10_000;

/** What a policy says of a device, and of read-only memory on it: the rules that refuse, and those that warn. */
type Answer = string;

async function answers(name: string): Promise<readonly Answer[] | string> {
  driver.reset(`profile=${name}`);
  try {
    // A policy is asked about the hardware here; the library of a checkout is pinned by nobody.
    await using cuda = await openFake();
    const [device] = await cuda.devices();
    if (device === undefined) return "no device";
    const id = await cuda.allocate(deviceIndex(0), byteCount(BYTES, "bytes"));
    await cuda.protect(id, "read");
    const evidence = await cuda.evidence(id);
    return PROFILES.map((profile) => {
      const decision = evaluatePolicy(createPolicy(profile), {
        phase: "verify",
        requestedBackend: "cuda",
        device: { ...device, native: { digest: cuda.library.digest, pinned: true } },
        allocation: { evidence, bytes: BYTES, readOnlyAsked: false },
        staging: { usedBytes: 0, capBytes: 1 << 27, loading: false },
        identitySource: "computed",
      });
      const { warnings } = decision;
      const refusals = decision.effect === "refuse" ? decision.reasons : [];
      return `${rules(refusals)}${warnings.length === 0 ? "" : `; warns: ${rules(warnings)}`}`;
    });
  } catch (error) {
    return isVramError(error) ? error.code : String(error);
  }
}

function rules(found: readonly { readonly rule: string }[]): string {
  return found.map(({ rule }) => rule).join(" ");
}

afterAll(() => {
  if (BUILT) driver.reset();
});

/** What policy answers to every profile of the fake driver, in the order strict, default, development. */
const TABLE: readonly (readonly [profile: string, answer: readonly Answer[] | string])[] = [
  ["h200", ["", "", ""]],
  [
    "no-vmm",
    [
      "vmm-or-reduced-claim allocation-pinned read-only",
      "vmm-or-reduced-claim allocation-pinned; warns: read-only",
      "",
    ],
  ],
  [
    "integrated",
    [
      "not-integrated no-ats ecc-on row-remap-clean",
      "not-integrated no-ats; warns: ecc-on row-remap-clean",
      "not-integrated; warns: no-ats",
    ],
  ],
  ["hmm", ["; warns: hmm-recorded", "; warns: hmm-recorded", ""]],
  ["ats", ["no-ats no-numa-node", "no-ats no-numa-node", "; warns: no-ats no-numa-node"]],
  ["wsl", ["not-paged ecc-on", "not-paged; warns: ecc-on", "not-paged"]],
  ["small-memory", ["vram-minimum", "vram-minimum", "; warns: vram-minimum"]],
  ["two-devices", ["", "", ""]],
  ["no-device", "no device"],
  [
    "old-driver",
    [
      "driver-floor vmm-or-reduced-claim no-numa-node row-remap-clean allocation-pinned read-only; warns: mps-recorded",
      "driver-floor vmm-or-reduced-claim allocation-pinned; warns: no-numa-node row-remap-clean mps-recorded read-only",
      "; warns: driver-floor no-numa-node",
    ],
  ],
  [
    "no-nvml",
    [
      "driver-floor row-remap-clean; warns: mig-recorded",
      "; warns: driver-floor row-remap-clean mig-recorded",
      "; warns: driver-floor",
    ],
  ],
  ["mig", ["row-remap-clean", "; warns: row-remap-clean", ""]],
  [
    "vgpu",
    [
      "vmm-or-reduced-claim row-remap-clean allocation-pinned read-only",
      "vmm-or-reduced-claim allocation-pinned; warns: row-remap-clean read-only",
      "",
    ],
  ],
];

test.skipIf(!BUILT).each(TABLE)("policy's answer to the profile %s", async (name, expected) => {
  expect(await answers(name)).toEqual(expected);
});
