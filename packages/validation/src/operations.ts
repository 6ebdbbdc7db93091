import {
  type ByteCount,
  type DeviceIndex,
  deviceIndex,
  type HexDigest,
  hexDigest,
  type Progress,
  type ShardId,
  shardId,
  type TensorRange,
} from "@vram-residency/types";
import * as v from "valibot";
import { groupSchema, memberIndex, memberTotal, type ShardGroup } from "./group.ts";
import { type ModelRef, modelRef } from "./model.ts";
import { abortSignal, bytes, delay, flag, oneOf } from "./primitives.ts";
import { refuse } from "./refusal.ts";
import { branded, checked, record, refined, run, type Schema } from "./schema.ts";
import { tensorsSchema } from "./tensors.ts";

/** What every long operation takes. */
export interface OperationOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
  /** Unit: ms. Range: 1 to 2^31 - 1. */
  readonly deadlineMs?: number;
}

/** Options of `sealModel`, checked. */
export interface ParsedSealOptions extends OperationOptions {
  readonly shardId?: ShardId;
  readonly gpuDevice?: DeviceIndex;
  readonly modelRef?: ModelRef;
  readonly group?: ShardGroup;
  /** Together with `totalShards`, and the same as in `group`. */
  readonly shardIndex?: number;
  readonly totalShards?: number;
  readonly expectedDigest?: HexDigest;
  /** Sorted by offset, not overlapping. */
  readonly tensors?: readonly TensorRange[];
  readonly exportable: boolean;
  /** Where the payload starts, for alignment in device memory. Unit: bytes. */
  readonly payloadOffset?: ByteCount;
}

/** Options of `verifySealed`, checked. */
export interface ParsedVerifyOptions extends OperationOptions {
  /** "full": every byte is hashed again, in device memory, after the call. */
  readonly mode: "full";
}

function progressCallback(value: unknown): (progress: Progress) => void {
  return typeof value === "function"
    ? (value as (progress: Progress) => void)
    : refuse("expected a function");
}

const operation = {
  signal: v.exactOptional(checked(abortSignal)),
  onProgress: v.exactOptional(checked(progressCallback)),
  deadlineMs: v.exactOptional(checked(delay)),
};

/** Members are named by `group`, by `shardIndex` and `totalShards`, or by both alike. */
function membershipAgrees(options: ParsedSealOptions): ParsedSealOptions {
  const { group, shardIndex, totalShards } = options;
  if ((shardIndex === undefined) !== (totalShards === undefined)) {
    refuse(
      "expected together with the other of shardIndex and totalShards",
      shardIndex === undefined ? "totalShards" : "shardIndex",
    );
  }
  if (shardIndex !== undefined && totalShards !== undefined && shardIndex >= totalShards) {
    refuse("expected less than totalShards", "shardIndex");
  }
  if (group !== undefined && shardIndex !== undefined && shardIndex !== group.index) {
    refuse("expected the same as group.index", "shardIndex");
  }
  if (group !== undefined && totalShards !== undefined && totalShards !== group.total) {
    refuse("expected the same as group.total", "totalShards");
  }
  return options;
}

const sealSchema: Schema<ParsedSealOptions> = refined(
  record({
    ...operation,
    shardId: v.exactOptional(checked(branded(shardId))),
    gpuDevice: v.exactOptional(checked(branded(deviceIndex))),
    modelRef: v.exactOptional(checked(modelRef)),
    group: v.exactOptional(groupSchema),
    shardIndex: v.exactOptional(memberIndex),
    totalShards: v.exactOptional(memberTotal),
    expectedDigest: v.exactOptional(checked(branded(hexDigest))),
    tensors: v.exactOptional(tensorsSchema),
    exportable: v.optional(checked(flag), false),
    payloadOffset: v.exactOptional(checked(bytes)),
  }),
  membershipAgrees,
);

const verifySchema: Schema<ParsedVerifyOptions> = record({
  ...operation,
  mode: v.optional(checked(oneOf("full")), "full"),
});

/**
 * Parses the options of `sealModel`.
 *
 * Whether the tensors lie inside the shard is `assertTensorsFit`'s to say, once the size is known.
 *
 * @param input - A plain object, or `undefined`.
 * @returns A new frozen object; signal and callback are passed on as they are.
 * @throws {@link VramError} `ERR_INPUT_INVALID` with the field, such as "tensors[3].bytes", and the reason.
 */
export function parseSealOptions(input: unknown = {}): ParsedSealOptions {
  return run(sealSchema, input, { root: "options" });
}

/**
 * Parses the options of `verifySealed`.
 *
 * @param input - A plain object, or `undefined`.
 * @throws {@link VramError} `ERR_INPUT_INVALID`.
 */
export function parseVerifyOptions(input: unknown = {}): ParsedVerifyOptions {
  return run(verifySchema, input, { root: "options" });
}
