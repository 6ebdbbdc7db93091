import type { ModelClaim, SealBody, TensorRange } from "@vram-residency/types";
import fc from "fast-check";
import { digests, hex, shardIds } from "./numbers.ts";

const SAFE = fc.oneof(fc.constantFrom(0, 1, Number.MAX_SAFE_INTEGER), fc.maxSafeNat());
const TIMES = fc.date({
  min: new Date("2020-01-01T00:00:00.000Z"),
  max: new Date("2099-12-31T23:59:59.999Z"),
  noInvalidDate: true,
});
const TEXT = fc.string({
  unit: fc.constantFrom(..."abcXYZ019-_./:@".split("")),
  minLength: 1,
  maxLength: 60,
});

function group(): fc.Arbitrary<NonNullable<SealBody["group"]>> {
  return fc
    .record({ id: hex(16), place: fc.tuple(fc.nat(63), fc.integer({ min: 1, max: 64 })) })
    .map(({ id, place: [index, total] }) => ({ id, index: index % total, total }));
}

function model(): fc.Arbitrary<ModelClaim> {
  const range = fc.record({ offset: fc.nat(), bytes: fc.integer({ min: 1 }) });
  const manifest = fc.option(digests(), { nil: undefined });
  return fc
    .tuple(TEXT, fc.constantFrom("identical" as const, "slice" as const, "derived" as const), range, manifest)
    .map(([ref, relation, part, digest]) => ({
      ref,
      relation,
      ...(relation === "slice" ? { range: part } : {}),
      ...(digest === undefined ? {} : { manifest: digest }),
    }));
}

function device(): fc.Arbitrary<SealBody["device"]> {
  return fc
    .record(
      {
        uuid: fc.uuid(),
        ordinal: fc.nat(255),
        pci: fc.constantFrom("0000:01:00.0", "0000:e1:00.0"),
        mig: fc.uuid().map((uuid) => `MIG-${uuid}`),
        backend: fc.constantFrom("cuda" as const, "mock" as const),
      },
      { requiredKeys: ["uuid", "ordinal", "backend"] },
    )
    .map(({ uuid, ordinal, pci, mig, backend }) => ({
      uuid: `${backend === "mock" ? "MOCK" : "GPU"}-${uuid}`,
      ordinal,
      ...(pci === undefined ? {} : { pci }),
      ...(mig === undefined ? {} : { mig }),
      backend,
    }));
}

function residency(): fc.Arbitrary<SealBody["residency"]> {
  const fsverity = digests().map((digest) => ({ alg: "fsverity-sha256" as const, digest, block: 4096 }));
  return fc.oneof(
    fsverity,
    digests().map((digest) => ({ alg: "blake3" as const, digest })),
  );
}

/** Valid seal bodies, optional fields present or absent, fields in the order of the encoding. */
export function sealBodies(): fc.Arbitrary<SealBody> {
  const required = fc.record({
    kid: hex(8).map((text) => `k${text}`),
    sealId: hex(16),
    epoch: hex(16),
    seq: SAFE,
    allocation: fc.record({ id: SAFE, generation: SAFE, nonce: hex(16) }),
    shard: fc.record({ id: shardIds() }),
    bytes: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    identity: fc.record({
      alg: fc.constant("sha256" as const),
      digest: digests(),
      source: fc.constantFrom("computed" as const, "cached" as const),
    }),
    residency: residency(),
    device: device(),
    policy: digests(),
    evidence: digests(),
    sealedAt: TIMES.map((time) => time.toISOString()),
    mono: fc.bigInt({ min: 0n, max: 2n ** 63n }).map(String),
  });
  const optional = fc.record(
    { supersedes: hex(16), group: group(), model: model(), maxAgeMs: fc.integer({ min: 1, max: 2 ** 40 }) },
    { requiredKeys: [] },
  );
  return fc.tuple(required, optional).map(([one, { supersedes, group, model, maxAgeMs }]) => ({
    v: 1,
    kid: one.kid,
    sealId: one.sealId,
    ...(supersedes === undefined ? {} : { supersedes }),
    epoch: one.epoch,
    seq: one.seq,
    allocation: one.allocation,
    shard: one.shard,
    ...(group === undefined ? {} : { group }),
    bytes: one.bytes,
    identity: one.identity,
    residency: one.residency,
    device: one.device,
    ...(model === undefined ? {} : { model }),
    policy: one.policy,
    evidence: one.evidence,
    sealedAt: one.sealedAt,
    mono: one.mono,
    ...(maxAgeMs === undefined ? {} : { maxAgeMs }),
  }));
}

/** Tensors of a shard of `bytes` bytes: by offset, without overlaps, with holes and empty ones, each with its own name. */
export function tensorRanges(bytes: number): fc.Arbitrary<readonly TensorRange[]> {
  return fc.array(fc.nat(bytes), { maxLength: 24 }).map((cuts) => {
    const sorted = cuts.toSorted((a, b) => a - b);
    return sorted.flatMap((offset, index) => {
      const end = sorted[index + 1];
      // Every other gap stays a hole.
      if (index % 2 === 1 || end === undefined) return [];
      return [{ name: `layer.${index}.weight`, offset, bytes: end - offset }];
    });
  });
}
