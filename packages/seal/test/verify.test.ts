import { describe, expect, test } from "bun:test";
import { equalBytes, fromHex, toHex, utf8 } from "@vram-residency/crypto";
import {
  computeSignature,
  deriveSealKey,
  encodeSealBody,
  openKeyRing,
  openSeal,
  parseSealBody,
  RootSecret,
  sealShard,
  staticKeys,
  verifySignature,
} from "@vram-residency/seal";
import type { SealBody, SealedShard } from "@vram-residency/types";
import { expectError, thrownBy } from "./errors.ts";
import { EPOCH, fullSeal, leaves, ROOT, replaced, VECTORS, vectorRing, withBody } from "./fixtures.ts";

const ring = await vectorRing();
const { body, shard } = fullSeal();
const { deployment } = VECTORS;
const key = deriveSealKey(new RootSecret(ROOT), { deployment, epoch: EPOCH });
const OTHER_EPOCH = new Uint8Array(16).fill(0xdd);

/** A different value that is as sound as the first one. */
function other(path: readonly string[], value: unknown): unknown {
  const name = path.at(-1);
  if (name === "v") return 2;
  if (name === "backend") return value === "cuda" ? "mock" : "cuda";
  if (name === "source") return "computed";
  if (name === "relation") return "derived";
  if (name === "block") return 8192;
  if (path.join(".") === "identity.alg") return "sha512";
  if (name === "alg" || name === "algorithm") return "blake3";
  if (name === "sealedAt") return "2026-02-28T23:59:59.998Z";
  if (name === "sealed") return false;
  if (name === "index") return 0;
  if (typeof value === "number") return value > 0 ? value - 1 : 1;
  if (typeof value !== "string") throw new Error("a seal holds text, numbers and true only");
  const last = value.at(-1) === "1" ? "2" : "1";
  return value.slice(0, -1) + last;
}

function reasonOf(shardToOpen: unknown): string {
  const error = thrownBy(() => openSeal(shardToOpen, ring));
  return error.code === "ERR_SEAL_VERIFICATION" ? error.detail.reason : error.code;
}

describe("one field changed", () => {
  /** Body fields that the plain copy repeats, each of which must agree with it. */
  const REPEATED = [
    ["shard.id", "shardId"],
    ["device.ordinal", "gpuDevice"],
    ["device.uuid", "deviceUuid"],
    ["bytes", "vramBytes"],
    ["identity.digest", "digest"],
    ["residency.alg", "residency.algorithm"],
    ["residency.digest", "residency.digest"],
    ["sealedAt", "sealedAt"],
    ["model.ref", "modelRef"],
    ["group.index", "shardIndex"],
    ["group.total", "totalShards"],
    ["device.backend", "backend"],
  ] as const;

  test("the table of repeated fields is complete", () => {
    const plain = leaves({ ...shard, seal: undefined }).map(([path]) => path.join("."));

    expect(plain.filter((path) => path !== "seal").sort()).toEqual(
      [...REPEATED.map(([, name]) => name), "sealed"].sort(),
    );
  });

  test.each(leaves(body).map(([path, value]) => [path.join("."), path, value] as const))(
    "body.%s, signed by the right key, changes what is opened or is refused",
    (name, path, value) => {
      const changed = replaced(body, path, other(path, value));
      // With blake3 goes no block size, without a slice no range: the change must stay one of a sound body.
      const { block: _block, ...residency } = changed.residency;
      const sound: unknown = name === "residency.alg" ? { ...changed, residency } : changed;
      const resigned = withBody(shard, sound);

      if (REPEATED.some(([inBody]) => inBody === name)) {
        expect(reasonOf(resigned)).toBe("fields-differ");
      } else if (name === "kid") {
        expect(reasonOf(resigned)).toBe("fields-differ");
      } else if (name === "epoch") {
        expect(reasonOf(resigned)).toBe("fields-differ");
      } else if (["v", "identity.alg", "residency.block", "model.relation"].includes(name)) {
        expect(reasonOf(resigned)).toBe("malformed");
      } else {
        expect<unknown>(openSeal(resigned, ring)).toEqual(sound);
        expect(toHex(computeSignature(resigned, key))).not.toBe(toHex(computeSignature(shard, key)));
      }
    },
  );

  test.each(leaves(body).map(([path, value]) => [path.join("."), path, value] as const))(
    "body.%s, not signed again, is a bad MAC",
    (_, path, value) => {
      const changed = withBody(shard, replaced(body, path, other(path, value)));

      expect(reasonOf({ ...changed, seal: { ...changed.seal, signatures: shard.seal.signatures } })).toBe(
        "bad-mac",
      );
    },
  );

  test.each(REPEATED)("the plain copy of body.%s, %s, is refused", (_, name) => {
    const path = name.split(".");
    const [, value] = leaves(shard).find(([place]) => place.join(".") === name) ?? [];

    expect(reasonOf(replaced(shard, path, other(path, value)))).toBe("fields-differ");
  });

  test("a seal is bound to the payload type", () => {
    expect(reasonOf(replaced(shard, ["seal", "payloadType"], "application/json"))).toBe("malformed");
  });
});

describe("keys and epochs", () => {
  const rootWith = (state: "active" | "verify-only" | "revoked") => ({ secret: ROOT, state });
  const newRoot = { secret: Uint8Array.from(ROOT, (byte) => byte ^ 0x55), state: "active" as const };

  test("a verify-only key opens its old seals", async () => {
    const rotated = await openKeyRing(staticKeys([newRoot, rootWith("verify-only")]), {
      deployment,
      epoch: EPOCH,
    });

    expect(openSeal(shard, rotated)).toEqual(body);
  });

  test("a revoked key opens seals only to release them, and only sound ones", async () => {
    const rotated = await openKeyRing(staticKeys([newRoot, rootWith("revoked")]), {
      deployment,
      epoch: EPOCH,
    });
    const forged = replaced(shard, ["digest"], "0".repeat(64));

    expectError(() => openSeal(shard, rotated), "ERR_SEAL_VERIFICATION", { reason: "revoked-key" });
    expect(openSeal(shard, rotated, { allowRevoked: true })).toEqual(body);
    expectError(() => openSeal(forged, rotated, { allowRevoked: true }), "ERR_SEAL_VERIFICATION", {
      reason: "fields-differ",
    });
  });

  test("a seal of a former process is stale, not forged", async () => {
    const later = await vectorRing(OTHER_EPOCH);

    expectError(() => openSeal(shard, later), "ERR_SEAL_VERIFICATION", {
      shardId: body.shard.id,
      reason: "stale-epoch",
    });
  });

  test("another deployment of the same root does not know the key", async () => {
    const elsewhere = await openKeyRing(staticKeys([rootWith("active")]), {
      deployment: "other",
      epoch: EPOCH,
    });

    expectError(() => openSeal(shard, elsewhere), "ERR_SEAL_VERIFICATION", { reason: "unknown-key" });
  });

  test("verifySignature tells another root from another epoch and from a forgery", () => {
    const foreign = deriveSealKey(new RootSecret(newRoot.secret), { deployment, epoch: EPOCH });
    const later = deriveSealKey(new RootSecret(ROOT), { deployment, epoch: OTHER_EPOCH });
    const otherEpoch = withBody(
      replaced(shard, ["seal", "signatures"], [{ keyid: `${key.kid}.${toHex(OTHER_EPOCH)}`, sig: "" }]),
      { ...body, epoch: toHex(OTHER_EPOCH) },
    );
    const reason = (body_: () => unknown, expected: string) =>
      expectError(body_, "ERR_SEAL_VERIFICATION", { reason: expected });

    reason(() => verifySignature(shard, foreign), "unknown-key");
    reason(() => verifySignature(shard, later), "bad-mac");
    reason(() => verifySignature(otherEpoch, key), "stale-epoch");
    reason(() => verifySignature(replaced(shard, ["vramBytes"], 1), key), "fields-differ");
  });

  test("a key signs only bodies that name it", () => {
    const later = deriveSealKey(new RootSecret(ROOT), { deployment, epoch: OTHER_EPOCH });

    expectError(() => sealShard(body, later), "ERR_INPUT_INVALID", { field: "kid" });
    expectError(() => sealShard({ ...body, kid: `k${"0".repeat(16)}` }, key), "ERR_INPUT_INVALID", {
      field: "kid",
    });
  });
});

describe("what comes from outside", () => {
  test("survives JSON and structured clone, and is frozen through and through", () => {
    const sealed = sealShard(body, key);

    expect(openSeal(JSON.parse(JSON.stringify(sealed)), ring)).toEqual(body);
    expect(openSeal(structuredClone(sealed), ring)).toEqual(body);
    for (const part of [
      sealed,
      sealed.residency,
      sealed.seal,
      sealed.seal.signatures,
      sealed.seal.signatures[0],
    ]) {
      expect(Object.isFrozen(part)).toBe(true);
    }
    const opened = openSeal(sealed, ring);
    for (const part of [opened, opened.allocation, opened.device, opened.model?.range]) {
      expect(Object.isFrozen(part)).toBe(true);
    }
  });

  test("the order of plain fields does not matter", () => {
    expect(openSeal(Object.fromEntries(Object.entries(shard).reverse()), ring)).toEqual(body);
  });

  test.each(leaves(shard).map(([path]) => [path.filter((name) => name !== "0").join("."), path] as const))(
    "a getter at %s never runs",
    (_, path) => {
      const hostile = structuredClone(shard);
      let runs = 0;
      const holder = path.slice(0, -1).reduce<object>((value, name) => Reflect.get(value, name), hostile);
      Object.defineProperty(holder, path.at(-1) ?? "", {
        enumerable: true,
        get() {
          runs += 1;
          return leaves(shard).find(([place]) => place.join() === path.join())?.[1];
        },
      });

      expect(reasonOf(hostile)).toBe("malformed");
      expect(runs).toBe(0);
    },
  );

  test("a proxy is read once: what it says later does not matter", () => {
    let reads = 0;
    const liar = new Proxy(structuredClone(shard), {
      getOwnPropertyDescriptor(target, name) {
        const descriptor = Reflect.getOwnPropertyDescriptor(target, name);
        if (name !== "vramBytes" || !descriptor) return descriptor;
        reads += 1;
        return { ...descriptor, value: reads === 1 ? target.vramBytes : 1 };
      },
    });

    expect(openSeal(liar, ring)).toEqual(body);
    expect(reads).toBe(1);
  });

  test("a proxy that throws is malformed", () => {
    const { proxy, revoke } = Proxy.revocable(structuredClone(shard), {});
    revoke();

    expect(reasonOf(proxy)).toBe("malformed");
    expect(reasonOf({ ...shard, residency: proxy })).toBe("malformed");
  });

  test("fields of a prototype do not count", () => {
    const { digest, ...rest } = shard;

    expect(reasonOf(Object.assign(Object.create({ digest }), rest))).toBe("malformed");
    expect(reasonOf(Object.create(shard))).toBe("ERR_NOT_SEALED");
  });

  test("a polluted prototype neither adds a field nor stops one from being read", () => {
    const names = ["modelRef", "model", "group", "supersedes", "vramBytes"];
    const least = VECTORS.seals[0];
    for (const name of names) {
      Object.defineProperty(Object.prototype, name, { value: "inherited", configurable: true });
    }
    let opened: readonly SealBody[];
    try {
      opened = [shard, least?.shard].map((sealed) => openSeal(sealed, ring));
    } finally {
      for (const name of names) Reflect.deleteProperty(Object.prototype, name);
    }

    expect(opened).toEqual([body, least?.body ?? body]);
  });

  test.each<[string, unknown]>([
    ["undefined", undefined],
    ["null", null],
    ["text", "sealed"],
    ["a number", 1],
    ["a function", () => shard],
    ["a list", [shard]],
  ])("%s is malformed", (_, value) => {
    expect(reasonOf(value)).toBe("malformed");
  });

  test.each<[string, object]>([
    ["a symbol", { [Symbol("x")]: 1 }],
    ["a field named __proto__", JSON.parse('{"__proto__":{"digest":"x"}}')],
    ["minus zero", { gpuDevice: -0 }],
    ["NaN", { vramBytes: Number.NaN }],
    ["a bigint", { vramBytes: 1n }],
    ["a lone surrogate", { modelRef: "\ud800" }],
    [
      "a signature list with another property",
      {
        seal: { ...shard.seal, signatures: Object.assign([...shard.seal.signatures], { extra: 1 }) },
      },
    ],
    [
      "a signature list that is no list",
      { seal: { ...shard.seal, signatures: { 0: shard.seal.signatures[0], length: 1 } } },
    ],
    ["a missing signature", { seal: { ...shard.seal, signatures: new Array(1) } }],
  ])("%s is malformed", (_, fields) => {
    const hostile = structuredClone(shard);
    const withOwn = Object.defineProperties(hostile, Object.getOwnPropertyDescriptors(fields));

    expect(reasonOf(withOwn)).toBe("malformed");
  });

  test("an error names a shard only by an id that is safe to print", () => {
    expectError(() => openSeal({ ...shard, vramBytes: 1 }, ring), "ERR_SEAL_VERIFICATION", {
      shardId: shard.shardId,
    });
    for (const shardId of ["../etc", "a\nb", "x".repeat(257), ""]) {
      const error = thrownBy(() => openSeal({ ...shard, shardId }, ring));

      expect(error.detail).toEqual({ shardId: "unknown", reason: "fields-differ" });
      expect(error.message).not.toContain("etc");
      expectError(() => openSeal({ shardId }, ring), "ERR_NOT_SEALED", { shardId: "unknown" });
    }
  });
});

describe("the body", () => {
  test.each(leaves(body).map(([path]) => [path.join("."), path] as const))(
    "is refused with %s null",
    (_, path) => {
      expectError(() => encodeSealBody(replaced(body, path, null)), "ERR_INPUT_INVALID", {
        field: path.join("."),
      });
    },
  );

  test.each<[string, Partial<Record<keyof SealBody, unknown>>]>([
    ["bytes", { bytes: 0 }],
    ["seq", { seq: 1.5 }],
    ["seq", { seq: -0 }],
    ["mono", { mono: "01" }],
    ["mono", { mono: "-1" }],
    ["maxAgeMs", { maxAgeMs: 0 }],
    ["sealedAt", { sealedAt: "2026-01-01T00:00:00Z" }],
    ["sealedAt", { sealedAt: "2026-13-01T00:00:00.000Z" }],
    ["sealedAt", { sealedAt: "2026-01-01T24:00:00.000Z" }],
    ["device.uuid", { device: { ...body.device, uuid: "a\u0000b" } }],
    ["device.uuid", { device: { ...body.device, uuid: "\ud800" } }],
    ["device.ordinal", { device: { ...body.device, ordinal: 256 } }],
    ["model.ref", { model: { ...body.model, ref: "" } }],
    ["model.range", { model: { ref: "x", relation: "slice" } }],
    ["model.range", { model: { ...body.model, relation: "identical" } }],
    ["group.index", { group: { id: "0".repeat(32), index: 1, total: 1 } }],
    ["residency.block", { residency: { ...body.residency, alg: "blake3" } }],
    ["body", { extra: 1 } as object],
    ["device", { device: { ...body.device, address: "0x7f" } }],
    ["shard.id", { shard: { id: "a/b" } }],
    ["shard.id", { shard: { id: "a\n" } }],
  ])("is refused for its %s: case %#", (name, change) => {
    expectError(() => encodeSealBody({ ...body, ...change } as SealBody), "ERR_INPUT_INVALID", {
      field: name,
    });
  });

  test("over 4 KiB is refused, though each field is within its own limit", () => {
    const long = { ...body, model: { ...body.model, ref: "€".repeat(1024) } } as SealBody;

    expectError(() => encodeSealBody(long), "ERR_INPUT_INVALID", { field: "body" });
  });

  test("says what it refuses of foreign bytes, without repeating them", () => {
    const error = thrownBy(() => parseSealBody(utf8(JSON.stringify({ ...body, hello: "SECRET" }))));

    expect(error).toMatchObject({ code: "ERR_FORMAT_INVALID", detail: { format: "seal", rule: "field" } });
    expect(error.message).not.toMatch(/SECRET|hello/);
    expectError(() => parseSealBody(utf8(JSON.stringify(body, null, 1))), "ERR_FORMAT_INVALID", {
      rule: "not-canonical",
    });
    expectError(() => parseSealBody(new Uint8Array(4097)), "ERR_FORMAT_INVALID", { rule: "too-large" });
  });

  test("is encoded in its one order, however it was given", () => {
    const reversed = Object.fromEntries(Object.entries(body).reverse()) as unknown as SealBody;

    expect(equalBytes(encodeSealBody(reversed), encodeSealBody(body))).toBe(true);
  });

  test("takes an optional field that is undefined for a missing one", () => {
    const { maxAgeMs: _, ...without } = body;
    const explicit = { ...body, maxAgeMs: undefined } as unknown as SealBody;

    expect(encodeSealBody(explicit)).toEqual(encodeSealBody(without));
  });
});

test("a wiped key neither signs nor opens", async () => {
  const own = await vectorRing();
  own[Symbol.dispose]();
  const wiped = deriveSealKey(new RootSecret(ROOT), { deployment, epoch: EPOCH });
  wiped[Symbol.dispose]();

  expectError(() => openSeal(shard, own), "ERR_STATE", { state: "wiped" });
  expectError(() => verifySignature(shard, wiped), "ERR_STATE", { state: "wiped" });
  expectError(() => computeSignature(shard as SealedShard, wiped), "ERR_STATE", { state: "wiped" });
  expect(fromHex(VECTORS.epoch)).toEqual(EPOCH);
});
