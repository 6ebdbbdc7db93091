import { toHex } from "@vram-residency/crypto";
import type { VramManager } from "@vram-residency/manager";
import { type Progress, type Random, type SealedShard, VramError } from "@vram-residency/types";
import type { ResidencyPlan } from "./plan.ts";

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
 * @throws {@link VramError} as `sealModel`; `ERR_SOURCE` when a file is no longer as long as planned.
 */
export async function loadModel(plan: ResidencyPlan, options: LoadOptions): Promise<LoadedModel> {
  const { manager, modelRef, signal, onProgress } = options;
  // One random group id a load, so that members of two loads never mix.
  const group = toHex(options.random.bytes(16));
  const total = plan.shards.length;
  const shards: SealedShard[] = [];
  let modelBytesDone = 0;
  try {
    for (const [index, planned] of plan.shards.entries()) {
      const { shardId, gpuDevice, path, tensors, payloadOffset, bytes } = planned;
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
