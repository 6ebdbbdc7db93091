import { reading, readOptions, refuseArgument } from "@vram-residency/crypto";
import { type Model, openModel } from "@vram-residency/formats";
import {
  type DeviceIndex,
  deviceIndex,
  type FileSystem,
  SHARD_ID_BYTES_MAX,
  type TensorRange,
} from "@vram-residency/types";

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
  /** Devices to fill, in turn; at least one. Default: device 0. */
  readonly devices?: readonly number[];
}

/**
 * Reads a model's headers and says which file goes to which device. No weights are read, no device is touched.
 *
 * @param path - As for `openModel`.
 * @throws `ERR_SOURCE`, `ERR_FORMAT_INVALID`, `ERR_INPUT_INVALID` for the devices.
 */
export async function planModel(path: string, options: PlanOptions): Promise<ResidencyPlan> {
  const { devices = [0], fileSystem } = readOptions(options, "options", ["fileSystem", "devices"]);
  const deviceOf = inTurn(devices);
  const model = await openModel(path, fileSystem);
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
      gpuDevice: deviceOf(index),
    };
  });
  return { model, shards, bytes: model.bytes };
}

function inTurn(devices: readonly number[]): (index: number) => DeviceIndex {
  const checked = reading("devices", () => {
    if (!Array.isArray(devices)) refuseArgument("devices", "expected an array");
    return Array.from(devices, (device, index) => deviceIndex(device, `devices[${index}]`));
  });
  const [first] = checked;
  if (first === undefined) {
    return refuseArgument("devices", "expected at least one device");
  }
  return (index) => checked[index % checked.length] ?? first;
}

/** A file's name as a shard id: its stem, with everything that is not allowed replaced, and a number if that is taken. */
function uniqueId(name: string, index: number, taken: Set<string>): string {
  const stem = name.replace(/\.(safetensors|gguf)$/, "").replace(/[^A-Za-z0-9_-]/g, "-") || "shard";
  let id = stem.slice(0, SHARD_ID_BYTES_MAX);
  // Another file's stem may end in that number too, so one try is not enough.
  for (let number = index; taken.has(id); number += 1) {
    const suffix = `-${number}`;
    id = stem.slice(0, SHARD_ID_BYTES_MAX - suffix.length) + suffix;
  }
  taken.add(id);
  return id;
}
