import { assertPort, reading, readOptions, refuseArgument, toHex } from "@vram-residency/crypto";
import type { VramManager } from "@vram-residency/manager";
import { type Progress, type Random, type SealedShard, VramError } from "@vram-residency/types";
import type { PlannedShard, ResidencyPlan } from "./plan.ts";

/** What a load is made with. */
export interface LoadOptions {
  readonly manager: VramManager;
  readonly random: Random;
  /** Name of the model, in every seal. */
  readonly modelRef?: string;
  readonly signal?: AbortSignal;
  /** Progress over the whole model. */
  readonly onProgress?: (progress: LoadProgress) => void;
}

/** Progress of one shard, and of the model. Unit: bytes. */
export interface LoadProgress extends Progress {
  readonly modelBytesDone: number;
  readonly modelBytesTotal: number;
}

/** A model in device memory, every file a sealed shard. */
export interface LoadedModel {
  readonly plan: ResidencyPlan;
  /** In the order of the plan, members of one group. */
  readonly shards: readonly SealedShard[];
}

/**
 * Seals every shard of a plan, or none: what was sealed before a failure is released again.
 *
 * @throws {@link VramError} as `sealModel`; `ERR_SOURCE` when a file is no longer as long as planned; `ERR_INPUT_INVALID` for
 * a plan or options that are none.
 */
export async function loadModel(plan: ResidencyPlan, options: LoadOptions): Promise<LoadedModel> {
  const { manager, random, modelRef, signal, onProgress } = readLoadOptions(options);
  const planned = readPlan(plan);
  // One random group id a load, so that members of two loads never mix.
  const group = toHex(random.bytes(16));
  const total = planned.length;
  const shards: SealedShard[] = [];
  let modelBytesDone = 0;
  try {
    for (const [index, next] of planned.entries()) {
      const { shardId, gpuDevice, path, tensors, payloadOffset, bytes } = next;
      const report = (progress: Progress): void => {
        const copied = progress.stage === "copy" ? progress.bytesDone : bytes;
        onProgress?.({ ...progress, modelBytesDone: modelBytesDone + copied, modelBytesTotal: plan.bytes });
      };
      const shard = await manager.sealModel(path, {
        shardId,
        gpuDevice,
        tensors,
        payloadOffset,
        group: { id: group, index, total },
        ...(modelRef === undefined ? {} : { modelRef }),
        ...(signal === undefined ? {} : { signal }),
        onProgress: report,
      });
      shards.push(shard);
      if (shard.vramBytes !== bytes) {
        const message = "a file changed after the plan was made: plan again, then load";
        throw new VramError("ERR_SOURCE", message, { reason: "changed" });
      }
      modelBytesDone += bytes;
    }
    return { plan, shards };
  } catch (error) {
    // The first failure is the one to report; a shard that cannot be released stays in the manager's table.
    await Promise.allSettled(shards.map((shard) => manager.release(shard)));
    throw error;
  }
}

function readLoadOptions(options: LoadOptions): LoadOptions {
  const names = ["manager", "random", "modelRef", "signal", "onProgress"] as const;
  const checked = readOptions(options, "options", names);
  assertPort(checked.manager, "manager", "sealModel", "release");
  assertPort(checked.random, "random", "bytes");
  const { onProgress } = checked;
  if (onProgress !== undefined && typeof onProgress !== "function") {
    refuseArgument("onProgress", "expected a function");
  }
  return checked;
}

/** A copy, so that the plan cannot change while it is carried out. Its fields are the manager's to check. */
function readPlan(plan: ResidencyPlan): readonly PlannedShard[] {
  return reading("plan", () => {
    const { shards } = plan;
    if (!Array.isArray(shards)) refuseArgument("plan", "expected a plan made by planModel");
    return Array.from(shards, (shard: PlannedShard) => {
      const { shardId, path, bytes, payloadOffset, tensors, gpuDevice } = shard;
      // Any other source could be sealed too, but is not what a plan names.
      if (typeof path !== "string") refuseArgument("plan.shards", "expected every shard to name a file");
      return { shardId, path, bytes, payloadOffset, tensors, gpuDevice };
    });
  });
}
