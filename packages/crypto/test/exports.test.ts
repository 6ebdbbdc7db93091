import { expect, test } from "bun:test";
import * as crypto from "@vram-residency/crypto";
import * as node from "@vram-residency/crypto/node";

test("exports exactly the documented names", () => {
  expect(Object.keys(crypto).sort()).toEqual([
    "DIGEST_BYTES",
    "FSVERITY_BLOCK_BYTES",
    "FSVERITY_GROUP_BYTES",
    "FSVERITY_GROUP_LEAVES",
    "FSVERITY_SALT_BYTES_MAX",
    "HKDF_BYTES_MAX",
    "assertBytes",
    "assertPort",
    "assertText",
    "canonicalJson",
    "checkBlocks",
    "computeDigest",
    "concatBytes",
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
    "isBytes",
    "isWellFormed",
    "lp",
    "pae",
    "parseStrictJson",
    "portableDigester",
    "readOptions",
    "reading",
    "refuseArgument",
    "sha256",
    "toHex",
    "utf8",
  ]);
  expect(Object.keys(node)).toEqual(["nodeDigester"]);
});
