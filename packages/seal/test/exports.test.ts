import { expect, test } from "bun:test";
import * as seal from "@vram-residency/seal";

test("exports exactly the documented names", () => {
  expect(Object.keys(seal).sort()).toEqual([
    "DEFAULT_DEPLOYMENT",
    "EPOCH_BYTES",
    "KEY_RING_ROOTS_MAX",
    "ROOT_BYTES_MIN",
    "RootSecret",
    "SEAL_BODY_BYTES_MAX",
    "SEAL_MAC_BYTES",
    "SEAL_PAYLOAD_TYPE",
    "computeSignature",
    "deriveSealKey",
    "encodeSealBody",
    "fileKeys",
    "formatKeyFile",
    "keyId",
    "openKeyRing",
    "openSeal",
    "parseKeyFile",
    "parseSealBody",
    "randomKeys",
    "readKeyFile",
    "sealShard",
    "staticKeys",
    "tokenKeys",
    "verifySignature",
  ]);
});
