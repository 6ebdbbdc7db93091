/** A manager over the mock, with every port in the test's hands. */
import { MockAllocator } from "@vram-residency/allocator-mock";
import { type MockControl, mockControl } from "@vram-residency/allocator-mock/testing";
import { nodeDigester } from "@vram-residency/crypto/node";
import { type ManagerParts, VramManager } from "@vram-residency/manager";
import { staticKeys } from "@vram-residency/seal";
import {
  type FakeClock,
  type FakeTimers,
  fakeClock,
  fakeTimers,
  type MemoryFileSystem,
  memoryFileSystem,
  type RecordingSink,
  recordingSink,
  seededRandom,
} from "@vram-residency/testing";
import {
  type Allocator,
  type AuditEventType,
  deviceIndex,
  hasCode,
  type SealedShard,
  type VramError,
} from "@vram-residency/types";

/** The root secret of every world, so that a test can forge with it. */
export const ROOT: Uint8Array = Uint8Array.from({ length: 32 }, (_, index) => index + 1);

export interface World extends AsyncDisposable {
  readonly manager: VramManager;
  readonly allocator: MockAllocator;
  readonly control: MockControl;
  readonly sink: RecordingSink;
  readonly clock: FakeClock;
  readonly timers: FakeTimers;
  readonly files: MemoryFileSystem;
  /** Types of the events recorded so far. */
  types(): AuditEventType[];
  /** Data of the recorded events of one type. */
  events(type: AuditEventType): Record<string, unknown>[];
  /** Every live allocation's memory, by the shard's evidence. */
  flip(shard: SealedShard, byte: number, bit: number): Promise<void>;
}

export interface WorldOptions {
  readonly devices?: number;
  readonly capacityBytes?: number;
  readonly granularityBytes?: number;
  readonly seed?: number;
  readonly parts?: Partial<ManagerParts>;
  /** Wraps the mock, for faults at the port. */
  readonly wrap?: (allocator: MockAllocator) => ManagerParts["allocator"];
}

/** Opens a world. */
export async function openWorld(options: WorldOptions = {}): Promise<World> {
  const clock = fakeClock();
  const timers = fakeTimers(clock);
  const random = seededRandom(options.seed ?? 1);
  const sink = recordingSink();
  const files = memoryFileSystem();
  const allocator = new MockAllocator({
    devices: options.devices ?? 1,
    capacityBytes: options.capacityBytes ?? 64 * 1024 * 1024,
    granularityBytes: options.granularityBytes ?? 4096,
    digester: nodeDigester,
    timers,
    random,
  });
  const manager = await VramManager.open({
    allocator: options.wrap?.(allocator) ?? allocator,
    keys: staticKeys([{ secret: ROOT, state: "active" }]),
    policy: "development",
    audit: sink,
    clock,
    timers,
    random,
    fileSystem: files,
    ...options.parts,
  });
  const control = mockControl(allocator);
  return {
    manager,
    allocator,
    control,
    sink,
    clock,
    timers,
    files,
    types: () => sink.events.map(({ type }) => type),
    events: (type) => sink.events.filter((event) => event.type === type).map(({ data }) => data),
    async flip(shard, byte, bit) {
      const { stable } = await manager.attestResidency(shard);
      control.flipBit(control.find(stable.bufferId), byte, bit);
    },
    async [Symbol.asyncDispose]() {
      await manager.close();
    },
  };
}

/** Deterministic bytes that are not all alike. */
export function weights(bytes: number, seed = 7): Uint8Array {
  return seededRandom(seed).bytes(bytes);
}

/** The error a promise rejects with; fails the test when it does not. */
export async function failure(promise: Promise<unknown>): Promise<VramError> {
  try {
    await promise;
  } catch (error) {
    return error as VramError;
  }
  throw new Error("expected a rejection");
}

/** Why a seal was refused, or the code of any other failure. */
export async function refusalOf(promise: Promise<unknown>): Promise<string> {
  const error = await failure(promise);
  return hasCode(error, "ERR_SEAL_VERIFICATION") ? error.detail.reason : error.code;
}

/** The manager's book, the allocator's, and what the mock holds, all of device 0. */
export async function books(world: World): Promise<{ charged: number; ours: number; live: number }> {
  const { usedBytes } = await world.manager.capacity(0);
  const { oursBytes } = await world.allocator.capacity(deviceIndex(0));
  return { charged: usedBytes, ours: oursBytes, live: world.control.live() };
}

export const NOTHING: { charged: number; ours: number; live: number } = { charged: 0, ours: 0, live: 0 };

/** The same allocator with one method replaced. */
export function override<Name extends "devices" | "capacity" | "digest" | "evidence" | "writeBlocks">(
  allocator: Allocator,
  name: Name,
  make: (original: Allocator[Name]) => Allocator[Name],
): Allocator {
  return new Proxy(allocator, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property, target);
      if (typeof value !== "function") return value;
      const bound = value.bind(target);
      return property === name ? make(bound) : bound;
    },
  });
}
