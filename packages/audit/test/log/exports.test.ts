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
    "VERDICT_EXIT",
    "auditKeyId",
    "checkpointHolds",
    "deriveCheckpointSeed",
    "deriveMacKey",
    "deriveVerifySecret",
    "encodeCheckpointKey",
    "exportVerifySecret",
    "importVerifySecret",
    "logOpened",
    "parseCheckpoint",
    "parseCheckpointKey",
    "parseLine",
    "segmentName",
    "segmentOpened",
    "signCheckpoint",
    "unwrapMacKey",
    "verifyLog",
    "wrapMacKey",
  ]);
});
