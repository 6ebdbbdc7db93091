/** Seals that only somebody with the root secret could make, to reach the checks behind the MAC. */
import { encodeBase64, fromHex, utf8 } from "@vram-residency/crypto";
import { computeSignature, deriveSealKey, RootSecret } from "@vram-residency/seal";
import type { SealBody, SealedShard } from "@vram-residency/types";
import { ROOT } from "./world.ts";

/** The body of a shard's seal, unchecked. */
export function bodyOf(shard: SealedShard): SealBody {
  return JSON.parse(Buffer.from(shard.seal.payload, "base64").toString()) as SealBody;
}

/** A change to a body. `undefined` takes a field out. */
export type Change = { readonly [Field in keyof SealBody]?: unknown };

/** Fields in the order of the encoding. */
const ORDER: readonly (keyof SealBody)[] = [
  "v",
  "kid",
  "sealId",
  "supersedes",
  "epoch",
  "seq",
  "allocation",
  "shard",
  "group",
  "bytes",
  "identity",
  "residency",
  "device",
  "model",
  "policy",
  "evidence",
  "sealedAt",
  "mono",
  "maxAgeMs",
];

/** What a forger has and does. */
export interface Forgery {
  readonly change: Change;
  /** Default: the manager's own root. */
  readonly root?: Uint8Array;
  /** Epoch of the key. Default: the body's. */
  readonly epoch?: string;
}

/** Signs a changed body with a real key and makes the plain fields agree with it. */
export function forge(shard: SealedShard, forgery: Forgery): SealedShard {
  const merged: Record<string, unknown> = { ...bodyOf(shard), ...forgery.change };
  const body = Object.fromEntries(
    ORDER.flatMap((field) => (merged[field] === undefined ? [] : [[field, merged[field]]])),
  ) as unknown as SealBody;
  using secret = new RootSecret(forgery.root ?? ROOT);
  using key = deriveSealKey(secret, { epoch: fromHex(forgery.epoch ?? body.epoch) });
  const { seal, modelRef: _ref, shardIndex: _index, totalShards: _total, ...rest } = shard;
  const plain: SealedShard = {
    ...rest,
    shardId: body.shard.id,
    gpuDevice: body.device.ordinal,
    deviceUuid: body.device.uuid,
    vramBytes: body.bytes,
    digest: body.identity.digest,
    residency: { algorithm: body.residency.alg, digest: body.residency.digest },
    sealedAt: body.sealedAt,
    backend: body.device.backend,
    ...(body.model === undefined ? {} : { modelRef: body.model.ref }),
    ...(body.group === undefined ? {} : { shardIndex: body.group.index, totalShards: body.group.total }),
    seal: {
      ...seal,
      payload: encodeBase64(utf8(JSON.stringify(body))),
      signatures: [{ keyid: key.keyid, sig: encodeBase64(new Uint8Array(32)) }],
    },
  };
  const sig = encodeBase64(computeSignature(plain, key));
  return { ...plain, seal: { ...plain.seal, signatures: [{ keyid: key.keyid, sig }] } };
}
