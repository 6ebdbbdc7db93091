/** A manager over the mock, and small models for it. */
import { MockAllocator } from "@vram-residency/allocator-mock";
import { type MockControl, mockControl } from "@vram-residency/allocator-mock/testing";
import { VramManager } from "@vram-residency/manager";
import { staticKeys } from "@vram-residency/seal";
import {
  type CallFault,
  type FaultyAllocator,
  fakeClock,
  fakeTimers,
  type MemoryFileSystem,
  memoryFileSystem,
  type RecordingSink,
  recordingSink,
  seededRandom,
  withFaults,
} from "@vram-residency/testing";
import {
  type AllocateOptions,
  type Allocator,
  deviceIndex,
  isVramError,
  type Random,
  type VramConfig,
} from "@vram-residency/types";

export interface Bench extends AsyncDisposable {
  readonly manager: VramManager;
  readonly allocator: FaultyAllocator;
  readonly control: MockControl;
  readonly sink: RecordingSink;
  readonly files: MemoryFileSystem;
  readonly random: Random;
  /** The options of every `allocate` so far. */
  readonly allocations: readonly AllocateOptions[];
}

export interface BenchOptions {
  readonly devices?: number;
  readonly capacityBytes?: number;
  readonly granularityBytes?: number;
  readonly config?: Partial<VramConfig>;
  readonly faults?: readonly CallFault[];
}

export async function openBench(options: BenchOptions = {}): Promise<Bench> {
  const timers = fakeTimers(fakeClock());
  const random = seededRandom(1);
  const files = memoryFileSystem();
  const sink = recordingSink();
  const mock = new MockAllocator({
    devices: options.devices ?? 1,
    capacityBytes: options.capacityBytes ?? 1024 * 1024,
    granularityBytes: options.granularityBytes ?? 4096,
    timers,
    random,
  });
  const allocations: AllocateOptions[] = [];
  const allocator = withFaults(recording(mock, allocations), options.faults ?? []);
  const manager = await VramManager.open({
    allocator,
    keys: staticKeys([{ secret: seededRandom(2).bytes(32), state: "active" }]),
    policy: "development",
    audit: sink,
    clock: fakeClock(),
    timers,
    random,
    fileSystem: files,
    ...(options.config === undefined ? {} : { config: options.config }),
  });
  return {
    manager,
    allocator,
    control: mockControl(mock),
    sink,
    files,
    random,
    allocations,
    [Symbol.asyncDispose]: () => manager.close(),
  };
}

function recording(mock: MockAllocator, allocations: AllocateOptions[]): Allocator {
  const allocate: Allocator["allocate"] = (device, bytes, options = {}) => {
    allocations.push(options);
    return mock.allocate(device, bytes, options);
  };
  return new Proxy(mock, {
    get(target, name) {
      if (name === "allocate") return allocate;
      const member: unknown = Reflect.get(target, name, target);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
}

/** A safetensors file with one tensor of `bytes` bytes, named `tensor`. */
export function fileOf(tensor: string, bytes: number): Uint8Array {
  const header = `{"${tensor}":{"dtype":"U8","shape":[${bytes}],"data_offsets":[0,${bytes}]}}`;
  const file = new Uint8Array(8 + header.length + bytes).fill(0x5a);
  new DataView(file.buffer).setBigUint64(0, BigInt(header.length), true);
  file.set(new TextEncoder().encode(header), 8);
  return file;
}

/** A GGUF file, part `index` of `count`, with one tensor of `bytes` bytes, named `tensor`, and where its data begins. */
export function ggufOf(
  tensor: string,
  bytes: number,
  [index, count]: readonly [number, number] = [0, 1],
): Uint8Array {
  const text = (value: string): number[] => [...u64(value.length), ...new TextEncoder().encode(value)];
  const u64 = (value: number): number[] => [...new Uint8Array(new BigUint64Array([BigInt(value)]).buffer)];
  const u32 = (value: number): number[] => u64(value).slice(0, 4);
  const u16 = (key: string, value: number): number[] => [...text(key), ...u32(2), ...u64(value).slice(0, 2)];
  const header = [...new TextEncoder().encode("GGUF"), ...u32(3), ...u64(1), ...u64(2)];
  header.push(...u16("split.no", index), ...u16("split.count", count));
  header.push(...text(tensor), ...u32(1), ...u64(bytes), ...u32(24), ...u64(0));
  const file = new Uint8Array(Math.ceil(header.length / 32) * 32 + bytes).fill(0x5a);
  file.set(header);
  return file;
}

/** Puts a model of files with these names, each with a tensor of its own, into `/m`. */
export function putModel(files: MemoryFileSystem, names: readonly string[], bytes = 10_000): void {
  for (const [index, name] of names.entries()) files.put(`/m/${name}`, fileOf(`t${index}`, bytes + index));
}

/** What is left on every device: nothing, if a load was undone. */
export async function remains({ manager, allocator, control }: Bench): Promise<unknown> {
  const devices = await Promise.all(
    manager.devices().map(async ({ device }) => ({
      charged: (await manager.capacity(device)).usedBytes,
      ours: (await allocator.capacity(deviceIndex(device))).oursBytes,
      zero: control.isZero(deviceIndex(device)),
    })),
  );
  return {
    shards: manager.shards().length,
    live: control.live(),
    dirty: devices.filter(({ charged, ours, zero }) => charged > 0 || ours > 0 || !zero).length,
  };
}

export const NOTHING: object = { shards: 0, live: 0, dirty: 0 };

/** The code a promise rejects with. Fails the test when it resolves, or rejects with anything else. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (isVramError(error)) return error.code;
    throw error;
  }
  return "resolved";
}
