import { expect, test } from "bun:test";
import * as provenance from "@vram-residency/provenance";
import * as node from "@vram-residency/provenance/node";

test("exports exactly the documented names", () => {
  expect(Object.keys(provenance).sort()).toEqual([
    "BUNDLE_BYTES_MAX",
    "CHAIN_LENGTH_MAX",
    "PROVENANCE_RULES",
    "RESOURCES_MAX",
    "createManifest",
    "decodeManifest",
    "encodeManifest",
    "hubDigest",
    "manifestOfChecksums",
    "verifyBundle",
    "verifyModel",
  ]);
  expect(Object.keys(node)).toEqual(["nodeSignatureVerifier"]);
});
