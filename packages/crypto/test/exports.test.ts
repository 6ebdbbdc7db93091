import { expect, test } from "bun:test";
import * as crypto from "@vram-residency/crypto";
import * as node from "@vram-residency/crypto/node";
import * as secret from "@vram-residency/crypto/secret";

test("exports exactly the documented names", () => {
  expect(Object.keys(crypto).sort()).toEqual([
    "CompactRange",
    "DIGEST_BYTES",
    "FRONTIER_HASHES_MAX",
    "FSVERITY_BLOCK_BYTES",
    "FSVERITY_GROUP_BYTES",
    "FSVERITY_GROUP_LEAVES",
    "FSVERITY_SALT_BYTES_MAX",
    "HKDF_BYTES_MAX",
    "canonicalJson",
    "checkBlocks",
    "computeDigest",
    "concatBytes",
    "consistencyProof",
    "createDigest",
    "createFsVerity",
    "decodeBase64",
    "differingDigests",
    "digestStream",
    "encodeBase64",
    "equalBytes",
    "fromHex",
    "fsverityFromLevel1",
    "fsverityGroup",
    "fsverityLeaves",
    "hkdfExpand",
    "hkdfExtract",
    "hmacSha256",
    "inclusionProof",
    "isWellFormed",
    "lp",
    "merkleLeaf",
    "merkleNode",
    "pae",
    "parseStrictJson",
    "portableDigester",
    "sha256",
    "toHex",
    "utf8",
    "verifyConsistency",
    "verifyInclusion",
  ]);
  expect(Object.keys(node).sort()).toEqual(["nodeDigester", "nodeEd25519", "nodeHmacSha256", "nodeSha256"]);
  expect(Object.keys(secret).sort()).toEqual([
    "DEFAULT_DEPLOYMENT",
    "ROOT_BYTES_MIN",
    "Secret",
    "checkRoot",
    "keyIdOf",
    "lend",
    "purposeInfo",
    "withPrk",
  ]);
});
