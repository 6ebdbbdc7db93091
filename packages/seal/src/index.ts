export { encodeSealBody, parseSealBody, SEAL_BODY_BYTES_MAX } from "./body.ts";
export type { FileKeysOptions } from "./file-keys.ts";
export { fileKeys, readKeyFile } from "./file-keys.ts";
export type { KeyFile, KeyPurpose } from "./key-file.ts";
export { formatKeyFile, parseKeyFile } from "./key-file.ts";
export { randomKeys, staticKeys, tokenKeys } from "./key-providers.ts";
export type { KeyRing, RingEntry } from "./key-ring.ts";
export { KEY_RING_ROOTS_MAX, openKeyRing } from "./key-ring.ts";
export type { SealKey, SealKeyContext } from "./keys.ts";
export {
  DEFAULT_DEPLOYMENT,
  deriveSealKey,
  EPOCH_BYTES,
  keyId,
  ROOT_BYTES_MIN,
  RootSecret,
} from "./keys.ts";
export { SEAL_MAC_BYTES, SEAL_PAYLOAD_TYPE, sealShard } from "./shard.ts";
export type { OpenSealOptions } from "./verify.ts";
export { computeSignature, openSeal, verifySignature } from "./verify.ts";
