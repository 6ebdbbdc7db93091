import { expect, test } from "bun:test";
import type { ByteCount, ByteSource, HexDigest, ShardId, VramConfig } from "@vram-residency/types";
import {
  type ModelRef,
  type ParsedSealOptions,
  parseByteSource,
  parseConfig,
  parseModelRef,
  parseModelSize,
  parseSealOptions,
} from "@vram-residency/validation";

test("what was parsed has the branded type, and what was not does not", () => {
  const config: VramConfig = parseConfig({});
  const options: ParsedSealOptions = parseSealOptions({ shardId: "a", expectedDigest: "a".repeat(64) });
  const id: ShardId | undefined = options.shardId;
  const digest: HexDigest | undefined = options.expectedDigest;
  const ref: ModelRef = parseModelRef("m");
  const size: ByteCount = parseModelSize(1, { maxModelBytes: 1 });
  const source: ByteSource = parseByteSource("a");

  // @ts-expect-error: plain text is no model ref
  const unchecked: ModelRef = "m";
  const change = (): void => {
    // @ts-expect-error: what was parsed cannot be changed
    config.gpuDevice = 1;
  };
  // @ts-expect-error: an absent option is absent, not undefined
  const explicit: ParsedSealOptions = { exportable: false, shardId: undefined };

  expect(change).toThrow(TypeError);
  expect([id, digest, ref, size, source, unchecked, explicit.exportable].length).toBe(7);
});
