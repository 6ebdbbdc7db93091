import { expect, test } from "bun:test";
import * as types from "@vram-residency/types";
import * as node from "@vram-residency/types/node";

test("exports exactly the documented names", () => {
  expect(Object.keys(types).sort()).toEqual([
    "AUDIT_EVENT_TYPES",
    "BLOCK_TRANSFER_BYTES_MAX",
    "DEVICE_INDEX_MAX",
    "ERROR_CODES",
    "SHARD_ID_BYTES_MAX",
    "VramError",
    "byteCount",
    "deviceIndex",
    "hasCode",
    "hexDigest",
    "invariant",
    "isVramError",
    "shardId",
  ]);
  expect(Object.keys(node).sort()).toEqual([
    "nodeDirLock",
    "nodeFileSystem",
    "systemClock",
    "systemRandom",
    "systemTimers",
  ]);
});
