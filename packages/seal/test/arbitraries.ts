import type { SealBody } from "@vram-residency/types";
import fc from "fast-check";
import { VECTORS } from "./fixtures.ts";

const hex = (digits: number) =>
  fc
    .array(fc.constantFrom(..."0123456789abcdef"), { minLength: digits, maxLength: digits })
    .map((all) => all.join(""));
const id = fc
  .array(fc.constantFrom(..."abcXYZ019_-"), { minLength: 1, maxLength: 40 })
  .map((characters) => characters.join(""));
const words = fc
  .string({ unit: "grapheme", minLength: 1, maxLength: 40 })
  .filter((text) => !/\p{Cc}/u.test(text));
const count = fc.maxSafeInteger().map(Math.abs);
const size = count.map((value) => Math.max(1, value));
const time = fc
  .date({ min: new Date(0), max: new Date("9999-12-31T23:59:59.999Z"), noInvalidDate: true })
  .map((date) => date.toISOString());

const residency = fc.oneof(
  fc.record(
    { alg: fc.constant("fsverity-sha256" as const), digest: hex(64), block: fc.constant(4096) },
    { requiredKeys: ["alg", "digest"] },
  ),
  fc.record({ alg: fc.constant("blake3" as const), digest: hex(64) }),
);
const model = fc.oneof(
  fc.record(
    { ref: words, relation: fc.constantFrom("identical" as const, "derived" as const), manifest: hex(64) },
    { requiredKeys: ["ref", "relation"] },
  ),
  fc.record({
    ref: words,
    relation: fc.constant("slice" as const),
    range: fc.record({ offset: count, bytes: count }),
  }),
);

/** Any sound body under the vectors' active key and epoch. */
export const sealBody: fc.Arbitrary<SealBody> = fc.record(
  {
    v: fc.constant(1 as const),
    kid: fc.constant(VECTORS.roots[0]?.kid ?? ""),
    sealId: hex(32),
    supersedes: hex(32),
    epoch: fc.constant(VECTORS.epoch),
    seq: count,
    allocation: fc.record({ id: count, generation: count, nonce: hex(32) }),
    shard: fc.record({ id }),
    group: fc
      .tuple(hex(32), fc.nat(1000), fc.nat(1000))
      .map(([groupId, index, more]) => ({ id: groupId, index, total: index + more + 1 })),
    bytes: size,
    identity: fc.record({
      alg: fc.constant("sha256" as const),
      digest: hex(64),
      source: fc.constantFrom("computed" as const, "cached" as const),
    }),
    residency,
    device: fc.record(
      {
        uuid: words,
        ordinal: fc.nat(255),
        pci: words,
        mig: words,
        backend: fc.constantFrom("cuda" as const, "mock" as const),
      },
      { requiredKeys: ["uuid", "ordinal", "backend"] },
    ),
    model,
    policy: hex(64),
    evidence: hex(64),
    sealedAt: time,
    mono: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String),
    maxAgeMs: size,
  },
  {
    requiredKeys: [
      "v",
      "kid",
      "sealId",
      "epoch",
      "seq",
      "allocation",
      "shard",
      "bytes",
      "identity",
      "residency",
      "device",
      "policy",
      "evidence",
      "sealedAt",
      "mono",
    ],
  },
);
