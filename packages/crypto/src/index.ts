export {
  assertBytes,
  assertPort,
  assertText,
  isBytes,
  reading,
  readOptions,
  refuseArgument,
} from "./arguments.ts";
export { decodeBase64, encodeBase64 } from "./base64.ts";
export { concatBytes, equalBytes, fromHex, isWellFormed, toHex, utf8 } from "./bytes.ts";
export { canonicalJson } from "./canonical-json.ts";
export { computeDigest, createDigest, digestStream } from "./digest.ts";
export { checkBlocks, DIGEST_BYTES, FSVERITY_BLOCK_BYTES, portableDigester, sha256 } from "./digester.ts";
export type { Ed25519 } from "./ed25519.ts";
export { lp, pae } from "./encoding.ts";
export type { FsVerityOptions, FsVerityResult, FsVerityStream } from "./fsverity.ts";
export { createFsVerity } from "./fsverity.ts";
export {
  differingDigests,
  FSVERITY_GROUP_BYTES,
  FSVERITY_GROUP_LEAVES,
  FSVERITY_SALT_BYTES_MAX,
  fsverityFromLevel1,
  fsverityGroup,
  fsverityLeaves,
} from "./fsverity-tree.ts";
export { HKDF_BYTES_MAX, hkdfExpand, hkdfExtract, hmacSha256 } from "./hmac.ts";
export type { Sha256 } from "./merkle.ts";
export { CompactRange, FRONTIER_HASHES_MAX, merkleLeaf, merkleNode } from "./merkle.ts";
export type { ConsistencyClaim, InclusionClaim } from "./merkle-proof.ts";
export { consistencyProof, inclusionProof, verifyConsistency, verifyInclusion } from "./merkle-proof.ts";
export type { StrictJsonOptions } from "./strict-json.ts";
export { parseStrictJson } from "./strict-json.ts";
