/**
 * The sealed shard: the plain copy of a body, and the envelope around it (docs/spec/seal-v1.md, section 5).
 *
 * @module
 */
import { decodeBase64, encodeBase64, hmacSha256, isWellFormed, pae } from "@vram-residency/crypto";
import { lend } from "@vram-residency/crypto/secret";
import {
  hasCode,
  type SealBody,
  type SealEnvelope,
  type SealedShard,
  type SealRefusal,
  VramError,
} from "@vram-residency/types";
import { encodeSealBody, SEAL_BODY_BYTES_MAX } from "./body.ts";
import type { SealKey } from "./keys.ts";
import { checkRecord, field, oneOf, optional, type Rule, text } from "./shape.ts";

/** The media type of a seal body: part of what is authenticated, so a MAC over anything else is never a seal. */
export const SEAL_PAYLOAD_TYPE = "application/vnd.vram-residency.seal.v1+json";

/** Size of a seal's MAC. Unit: bytes. */
export const SEAL_MAC_BYTES = 32;

/** A shard from outside, read once. Nothing of it is trusted but its shape. */
export interface ShardParts {
  /** For errors: the plain id when it could be one, else "unknown". */
  readonly shardId: string;
  readonly keyid: string;
  readonly kid: string;
  /** Shape: 32 hexadecimal digits. */
  readonly epoch: string;
  /** The body's bytes, as they came. */
  readonly payload: Uint8Array;
  /** Shape: 32 bytes. */
  readonly mac: Uint8Array;
  /** Every plain field, as one text that two equal copies share. */
  readonly plain: string;
}

// Of the plain copy only the types are checked: a wrong value is a difference, and is reported as one.
const TEXT: Rule = { says: "text", holds: (value) => typeof value === "string" && isWellFormed(value) };
const NUMBER: Rule = {
  says: "a number",
  holds: (value) => typeof value === "number" && Number.isFinite(value) && !Object.is(value, -0),
};
const SIGNATURE = [
  field("keyid", text('kid "." epoch', /^k[0-9a-f]{16}\.[0-9a-f]{32}$/)),
  field("sig", TEXT),
];
const SHARD = [
  field("shardId", TEXT),
  field("gpuDevice", NUMBER),
  field("deviceUuid", TEXT),
  field("vramBytes", NUMBER),
  field("digest", TEXT),
  field("residency", { record: [field("algorithm", TEXT), field("digest", TEXT)] }),
  field("sealedAt", TEXT),
  optional("modelRef", TEXT),
  optional("shardIndex", NUMBER),
  optional("totalShards", NUMBER),
  field("sealed", oneOf(true)),
  field("backend", TEXT),
  field("seal", {
    record: [
      field("payloadType", oneOf(SEAL_PAYLOAD_TYPE)),
      field("payload", TEXT),
      field("signatures", { only: SIGNATURE }),
    ],
  }),
];

/** The plain fields that say what a body says. */
export function plainFields(body: SealBody): Omit<SealedShard, "seal"> {
  return {
    shardId: body.shard.id,
    gpuDevice: body.device.ordinal,
    deviceUuid: body.device.uuid,
    vramBytes: body.bytes,
    digest: body.identity.digest,
    residency: Object.freeze({ algorithm: body.residency.alg, digest: body.residency.digest }),
    sealedAt: body.sealedAt,
    ...(body.model && { modelRef: body.model.ref }),
    ...(body.group && { shardIndex: body.group.index, totalShards: body.group.total }),
    sealed: true,
    backend: body.device.backend,
  };
}

/** One text for the plain fields of a shard, equal for equal fields only: both sides give them in the order of the table. */
export function plainText(fields: Omit<SealedShard, "seal">): string {
  return JSON.stringify(fields);
}

/** The MAC of a body's bytes. @returns Shape: 32 bytes. @throws `ERR_STATE` for a wiped key. */
export function macOf(payload: Uint8Array, key: SealKey): Uint8Array {
  return lend(key, (bytes) => hmacSha256(bytes, pae(SEAL_PAYLOAD_TYPE, payload)));
}

/**
 * Seals a body: writes it, signs it, and puts its plain copy beside it.
 *
 * @returns Frozen through and through; survives JSON and structured clone.
 * @throws {@link VramError} `ERR_INPUT_INVALID` for a body that cannot be encoded, or that names another key;
 * `ERR_STATE` for a wiped key.
 */
export function sealShard(body: SealBody, key: SealKey): SealedShard {
  const payload = encodeSealBody(body);
  if (`${body.kid}.${body.epoch}` !== key.keyid) {
    const reason = "expected the kid and epoch of the key that signs";
    throw new VramError("ERR_INPUT_INVALID", `seal kid: ${reason}`, { field: "kid", reason });
  }
  const signature = Object.freeze({ keyid: key.keyid, sig: encodeBase64(macOf(payload, key)) });
  const seal: SealEnvelope = {
    payloadType: SEAL_PAYLOAD_TYPE,
    payload: encodeBase64(payload),
    signatures: Object.freeze([signature] as const),
  };
  return Object.freeze({ ...plainFields(body), seal: Object.freeze(seal) });
}

/**
 * Reads a shard from outside, once. Whatever its getters, proxies or prototypes would say later does not matter.
 *
 * @throws {@link VramError} `ERR_NOT_SEALED` when it carries no seal; `ERR_SEAL_VERIFICATION` "malformed" for any other
 * wrong shape.
 */
export function readShard(shard: unknown): ShardParts {
  let shardId = "unknown";
  try {
    const fields = ownFields(shard);
    shardId = printableId(fields["shardId"]);
    if (fields["sealed"] !== true || isMissing(fields["seal"])) {
      throw new VramError("ERR_NOT_SEALED", `shard ${shardId} carries no seal: load it with sealModel`, {
        shardId,
      });
    }
    const refuse = (name: string, says: string): never =>
      refuseSeal(shardId, "malformed", `expected ${says} as ${name || "shard"}`);
    // The table above is the check that this cast rests on.
    const { seal, ...plain } = checkRecord(fields, SHARD, "", refuse) as unknown as SealedShard;
    const [{ keyid, sig }] = seal.signatures;
    const payload = decodeBounded(seal.payload, SEAL_BODY_BYTES_MAX, refuse);
    const mac = decodeBounded(sig, SEAL_MAC_BYTES, refuse);
    if (mac.length !== SEAL_MAC_BYTES) refuse("sig", `${SEAL_MAC_BYTES} bytes`);
    return {
      shardId,
      keyid,
      kid: keyid.slice(0, 17),
      epoch: keyid.slice(18),
      payload,
      mac,
      plain: plainText(plain),
    };
  } catch (error) {
    if (hasCode(error, "ERR_NOT_SEALED") || hasCode(error, "ERR_SEAL_VERIFICATION")) throw error;
    // Base64 that does not decode, or a proxy that throws.
    return refuseSeal(shardId, "malformed", "expected plain data with canonical base64");
  }
}

/**
 * Refuses a seal.
 *
 * @throws {@link VramError} `ERR_SEAL_VERIFICATION`, always.
 */
export function refuseSeal(shardId: string, reason: SealRefusal, why: string, options?: ErrorOptions): never {
  throw new VramError(
    "ERR_SEAL_VERIFICATION",
    `the seal of shard ${shardId} is refused (${reason}): ${why}`,
    { shardId, reason },
    options,
  );
}

/** A plain copy of the top level, so that each of its properties is read once. */
function ownFields(shard: unknown): Record<string | symbol, unknown> {
  if (typeof shard !== "object" || shard === null || Array.isArray(shard)) {
    refuseSeal("unknown", "malformed", "expected an object");
  }
  const copy: Record<string | symbol, unknown> = Object.create(null);
  for (const name of Reflect.ownKeys(shard)) {
    const descriptor = Reflect.getOwnPropertyDescriptor(shard, name);
    if (!descriptor || !("value" in descriptor)) refuseSeal("unknown", "malformed", "expected plain values");
    copy[name] = descriptor.value;
  }
  return copy;
}

function isMissing(seal: unknown): boolean {
  if (typeof seal === "object" && seal !== null) return Reflect.ownKeys(seal).length === 0;
  return seal === undefined || seal === null || seal === "";
}

function printableId(value: unknown): string {
  return typeof value === "string" && /^[A-Za-z0-9_-]{1,256}$/.test(value) ? value : "unknown";
}

function decodeBounded(
  encoded: string,
  maxBytes: number,
  refuse: (name: string, says: string) => never,
): Uint8Array {
  if (encoded.length > 4 * Math.ceil(maxBytes / 3)) refuse("seal", `at most ${maxBytes} bytes in base64`);
  return decodeBase64(encoded);
}
