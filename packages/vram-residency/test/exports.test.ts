import { expect, test } from "bun:test";
import * as residency from "vram-residency";
import * as cuda from "vram-residency/cuda";
import * as testing from "vram-residency/testing";

test("exports exactly the documented names", () => {
  expect(Object.keys(residency).sort()).toEqual([
    "JsonlSink",
    "MemorySink",
    "MockAllocator",
    "RootSecret",
    "VramError",
    "VramManager",
    "auditEvent",
    "computeDigest",
    "computeSignature",
    "createPolicy",
    "deriveSealKey",
    "digestStream",
    "evaluatePolicy",
    "fileKeys",
    "fitPlan",
    "formatKeyFile",
    "hasCode",
    "isVramError",
    "keyId",
    "loadModel",
    "nodeDigester",
    "nodeFileSystem",
    "openModel",
    "openVram",
    "parseConfig",
    "planModel",
    "policyDigest",
    "printable",
    "randomKeys",
    "readKeyFile",
    "staticKeys",
    "systemClock",
    "systemRandom",
    "systemTimers",
    "tokenKeys",
    "verifySignature",
  ]);
  expect(Object.keys(testing)).toEqual(["mockControl"]);
  expect(Object.keys(cuda).sort()).toEqual(["CudaAllocator", "openCuda"]);
});
