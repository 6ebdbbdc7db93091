/** Stricter than a profile, rule by rule; laxer is refused (the facade). */
import { createPolicy, hasCode, isVramError, openVram, policyDigest } from "vram-residency";
import { weights } from "./lib/tiny-model.ts";

const base = createPolicy("development");
const strict = createPolicy({
  profile: "development",
  overrides: { "cuda-device-present": { violated: "refuse" } },
});
console.log(`another policy, another digest: ${policyDigest(base) !== policyDigest(strict)}`);

const refused = await openVram({ backend: "mock", policy: strict }).catch((why: unknown) => why);
if (hasCode(refused, "ERR_POLICY_VIOLATION")) {
  for (const { rule, reason, remedy } of refused.detail.reasons) console.log(`${rule}: ${reason}; ${remedy}`);
}

try {
  createPolicy({ profile: "default", overrides: { "device-present": { violated: "accept" } } });
} catch (error) {
  if (isVramError(error)) console.log(error.message);
}

await using vram = await openVram({ backend: "mock", policy: base });
const shard = await vram.sealModel(weights(1000));
console.log(
  `under the profile itself the mock is accepted: ${(await vram.verifySealed(shard)).bytesVerified} bytes`,
);
