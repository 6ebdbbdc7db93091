import { expect, test } from "bun:test";
import * as residency from "vram-residency";
import * as cuda from "vram-residency/cuda";
import * as testing from "vram-residency/testing";

test("exports exactly the documented names", () => {
  expect(Object.keys(residency).sort()).toEqual([
    "AuditLog",
    "AuditRoot",
    "JsonlSink",
    "MemorySink",
    "MockAllocator",
    "RootSecret",
    "VramError",
    "VramManager",
    "auditEvent",
    "auditKeyPath",
    "computeDigest",
    "computeSignature",
    "createPolicy",
    "deriveSealKey",
    "digestStream",
    "evaluatePolicy",
    "fileAnchor",
    "fileKeys",
    "fitPlan",
    "formatKeyFile",
    "hasCode",
    "isVramError",
    "keyId",
    "loadModel",
    "nodeDigester",
    "nodeDirLock",
    "nodeEd25519",
    "nodeFileSystem",
    "openAuditLog",
    "openLogSource",
    "openModel",
    "openVram",
    "parseCheckpointKey",
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
    "verifyLog",
    "verifySignature",
  ]);
  expect(Object.keys(testing)).toEqual(["mockControl"]);
  expect(Object.keys(cuda).sort()).toEqual(["CudaAllocator", "openCuda", "openNativeDigests"]);
});
