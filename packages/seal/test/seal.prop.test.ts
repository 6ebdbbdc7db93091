import { expect, test } from "bun:test";
import { toHex } from "@vram-residency/crypto";
import {
  deriveSealKey,
  encodeSealBody,
  openSeal,
  parseSealBody,
  RootSecret,
  sealShard,
} from "@vram-residency/seal";
import type { SealedShard } from "@vram-residency/types";
import fc from "fast-check";
import { sealBody } from "./arbitraries.ts";
import { expectError } from "./errors.ts";
import { EPOCH, leaves, ROOT, replaced, VECTORS, vectorRing } from "./fixtures.ts";

const ring = await vectorRing();
const key = deriveSealKey(new RootSecret(ROOT), { deployment: VECTORS.deployment, epoch: EPOCH });

test("every sound body comes back from its seal, also through JSON", () => {
  fc.assert(
    fc.property(sealBody, (body) => {
      const shard = sealShard(body, key);

      expect(openSeal(shard, ring)).toEqual(body);
      expect(openSeal(JSON.parse(JSON.stringify(shard)), ring)).toEqual(body);
      expect(parseSealBody(encodeSealBody(body))).toEqual(body);
    }),
    { numRuns: 300 },
  );
});

test("two bodies that differ in one field have different seals, and neither opens under the other's", () => {
  fc.assert(
    fc.property(sealBody, sealBody, fc.nat(), (body, donor, at) => {
      // One field at a time, taken from a body that is as sound: random bodies that differ in everything prove nothing.
      const names = Object.keys(donor).filter((name) => name !== "v" && name !== "kid" && name !== "epoch");
      const name = names[at % names.length] ?? "bytes";
      const changed = { ...body, [name]: donor[name as keyof typeof donor] };
      fc.pre(
        JSON.stringify(body[name as keyof typeof body]) !==
          JSON.stringify(changed[name as keyof typeof body]),
      );
      const [one, two] = [sealShard(body, key), sealShard(changed, key)];

      expect(toHex(encodeSealBody(body))).not.toBe(toHex(encodeSealBody(changed)));
      expect(one.seal.signatures[0].sig).not.toBe(two.seal.signatures[0].sig);
      const mixed = { ...one, seal: { ...one.seal, signatures: two.seal.signatures } };
      expectError(() => openSeal(mixed, ring), "ERR_SEAL_VERIFICATION", { reason: "bad-mac" });
    }),
    { numRuns: 500 },
  );
});

test("a plain copy that differs in one field from its seal never opens", () => {
  fc.assert(
    fc.property(sealBody, sealBody, fc.nat(), (body, donor, at) => {
      const shard = sealShard(body, key);
      const { seal: _, ...plain } = sealShard(donor, key);
      const [path, value] = leaves(plain)[at % leaves(plain).length] ?? [[], undefined];
      const mixed = replaced<SealedShard>(shard, path, value);
      fc.pre(JSON.stringify(mixed) !== JSON.stringify(shard));

      expectError(() => openSeal(mixed, ring), "ERR_SEAL_VERIFICATION", { reason: "fields-differ" });
    }),
    { numRuns: 500 },
  );
});
