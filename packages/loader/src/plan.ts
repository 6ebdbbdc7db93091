import { type Model, openModel } from "@vram-residency/formats";
import { type FileSystem, SHARD_ID_BYTES_MAX, type TensorRange } from "@vram-residency/types";

/** One shard of a plan: a file, whole, on one device. */
export interface PlannedShard {
  readonly shardId: string;
  readonly path: string;
  /** Unit: bytes. */
  readonly bytes: number;
  readonly payloadOffset: number;
  readonly tensors: readonly TensorRange[];
  readonly gpuDevice: number;
}

/** Which bytes of a model go where. */
export interface ResidencyPlan {
  readonly model: Model;
  readonly shards: readonly PlannedShard[];
  /** Unit: bytes. */
  readonly bytes: number;
}

/** What a plan is made with. */
export interface PlanOptions {
  readonly fileSystem: FileSystem;
  /** Devices to fill, in turn. Default: device 0. */
  readonly devices?: readonly number[];
}

/**
 * Reads a model's headers and says which file goes to which device. No weights are read, no device is touched.
 *
 * @param path - As for `openModel`.
 * @throws {@link VramError} `ERR_SOURCE`, `ERR_FORMAT_INVALID`.
 */
export async function planModel(path: string, options: PlanOptions): Promise<ResidencyPlan> {
  const model = await openModel(path, options.fileSystem);
  const devices = options.devices ?? [0];
  const taken = new Set<string>();
  const shards = model.files.map((file, index): PlannedShard => {
    const shardId = uniqueId(file.name, index, taken);
    const { path: filePath, bytes, payloadOffset, tensors } = file;
    return {
      shardId,
      path: filePath,
      bytes,
      payloadOffset,
      tensors,
      gpuDevice: devices[index % devices.length] ?? 0,
    };
  });
  return { model, shards, bytes: model.bytes };
}

/** A file's name as a shard id: its stem, with everything that is not allowed replaced. */
function uniqueId(name: string, index: number, taken: Set<string>): string {
  const stem = name.replace(/\.safetensors$/, "").replace(/[^A-Za-z0-9_-]/g, "-");
  const suffix = `-${index}`;
  const cut = stem.slice(0, SHARD_ID_BYTES_MAX - suffix.length);
  const id = cut.length > 0 && !taken.has(cut) ? cut : `${cut}${suffix}`;
  taken.add(id);
  return id;
}
