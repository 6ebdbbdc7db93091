import { readFileSync } from "node:fs";
import { join } from "node:path";
import { encodeBase64, fromHex, hmacSha256, pae, utf8 } from "@vram-residency/crypto";
import { type KeyRing, openKeyRing, SEAL_PAYLOAD_TYPE, staticKeys } from "@vram-residency/seal";
import type { KeyState, SealBody, SealedShard } from "@vram-residency/types";

interface VectorFile {
  readonly deployment: string;
  readonly epoch: string;
  readonly roots: readonly {
    readonly secret: string;
    readonly state: KeyState;
    readonly kid: string;
    readonly sealKey: string;
  }[];
  readonly seals: readonly {
    readonly name: string;
    readonly body: SealBody;
    readonly payload: string;
    readonly pae: string;
    readonly mac: string;
    readonly shard: SealedShard;
  }[];
  readonly refused: readonly { readonly name: string; readonly reason: string; readonly shard: unknown }[];
}

/** `vectors/seal-v1.json`. */
export const VECTORS: VectorFile = JSON.parse(
  readFileSync(join(import.meta.dir, "../../../vectors/seal-v1.json"), "utf8"),
);

/** The root of the published known answers: 00 01 … 1f. */
export const ROOT: Uint8Array = Uint8Array.from({ length: 32 }, (_, index) => index);

export const EPOCH: Uint8Array = fromHex(VECTORS.epoch);

/** A ring with the vectors' roots, in the vectors' epoch or another. */
export function vectorRing(epoch: Uint8Array = EPOCH): Promise<KeyRing> {
  const roots = VECTORS.roots.map(({ secret, state }) => ({ secret: fromHex(secret), state }));
  return openKeyRing(staticKeys(roots), { deployment: VECTORS.deployment, epoch });
}

/** The vectors' seal that has every optional field. */
export function fullSeal(): { body: SealBody; shard: SealedShard } {
  const seal = VECTORS.seals.find(({ name }) => name === "every field");
  if (!seal) throw new Error("the vectors have no seal with every field");
  return structuredClone({ body: seal.body, shard: seal.shard });
}

/** A MAC by the vectors' active key over any bytes at all, which `sealShard` would refuse to sign. */
export function signRaw(payload: Uint8Array): string {
  const key = fromHex(VECTORS.roots[0]?.sealKey ?? "");
  return encodeBase64(hmacSha256(key, pae(SEAL_PAYLOAD_TYPE, payload)));
}

/** The shard with another payload, signed by the right key. */
export function withPayload(shard: SealedShard, payload: Uint8Array): SealedShard {
  const [{ keyid }] = shard.seal.signatures;
  const seal = {
    payloadType: shard.seal.payloadType,
    payload: encodeBase64(payload),
    signatures: [{ keyid, sig: signRaw(payload) }] as const,
  };
  return { ...shard, seal };
}

/** As {@link withPayload}, for a body that need not be a sound one. */
export function withBody(shard: SealedShard, body: unknown): SealedShard {
  return withPayload(shard, utf8(JSON.stringify(body)));
}

/** Replaces one value, found by its path. */
export function replaced<Value>(value: Value, path: readonly string[], replacement: unknown): Value {
  const [name, ...rest] = path;
  if (name === undefined) return replacement as Value;
  const record = value as Readonly<Record<string, unknown>>;
  return { ...record, [name]: replaced(record[name], rest, replacement) } as Value;
}

/** Path and value of every scalar in a record of records. */
export function leaves(
  value: unknown,
  path: readonly string[] = [],
): [path: readonly string[], leaf: unknown][] {
  if (typeof value !== "object" || value === null) return [[path, value]];
  return Object.entries(value).flatMap(([name, member]) => leaves(member, [...path, name]));
}
