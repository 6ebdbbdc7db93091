import { expect, test } from "bun:test";
import * as log from "@vram-residency/audit/log";

test("exports exactly the documented names", () => {
  expect(Object.keys(log).sort()).toEqual([
    "AuditRoot",
    "CHECKPOINT_BYTES_MAX",
    "LINES_PER_KEY",
    "LINE_BYTES_MAX",
    "LogWriterState",
    "NO_PREVIOUS",
    "PORTABLE_HASHES",
    "auditKeyId",
    "checkpointHolds",
    "deriveCheckpointSeed",
    "deriveMacKey",
    "deriveVerifySecret",
    "encodeCheckpointKey",
    "exportVerifySecret",
    "importVerifySecret",
    "parseCheckpoint",
    "parseCheckpointKey",
    "parseLine",
    "signCheckpoint",
    "unwrapMacKey",
    "wrapMacKey",
  ]);
});
