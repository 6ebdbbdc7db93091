/** The manager, the facade, the loader and the mock: every argument, every field, every wrong type, and nothing left behind. */
import { afterAll, expect, test } from "bun:test";
import { MockAllocator, type MockOptions } from "@vram-residency/allocator-mock";
import { mockControl } from "@vram-residency/allocator-mock/testing";
import { MemorySink } from "@vram-residency/audit";
import { loadModel, planModel } from "@vram-residency/loader";
import { type ManagerParts, type SealOptions, VramManager } from "@vram-residency/manager";
import { randomKeys } from "@vram-residency/seal";
import {
  type Allocator,
  byteCount,
  type DigestOptions,
  deviceIndex,
  type IngestOptions,
  type SealedShard,
} from "@vram-residency/types";
import { nodeFileSystem, systemClock, systemRandom, systemTimers } from "@vram-residency/types/node";
import { type OpenVramOptions, openVram } from "vram-residency";
import { type Case, complaints, OBJECTS, OPTIONAL, OPTIONS, of, type Takes } from "./hostile.ts";

const bytes = Uint8Array.from({ length: 64 }, (_, index) => index);
const MIB = 1 << 20;
const ports = { clock: systemClock, random: systemRandom, timers: systemTimers, fileSystem: nodeFileSystem };
const makeMock = (more: Partial<MockOptions> = {}): MockAllocator =>
  new MockAllocator({ timers: systemTimers, random: systemRandom, capacityBytes: MIB, ...more });

const unhandled: unknown[] = [];
const note = (error: unknown): void => void unhandled.push(error);
process.on("unhandledRejection", note);
afterAll(() => void process.off("unhandledRejection", note));

const allocator = makeMock();
const vram = await openVram({ backend: "mock", allocator });
const shard = await vram.sealModel(bytes);

/** A case for each field of an options object. */
function fields<Name extends string>(
  title: string,
  call: (field: Record<string, unknown>) => unknown,
  takes: Readonly<Record<Name, Takes>>,
): Record<string, Case> {
  return Object.fromEntries(
    Object.entries<Takes>(takes).map(([name, taken]) => [
      `${title} with ${name}`,
      of((value: unknown) => call({ [name]: value }), [undefined], taken),
    ]),
  );
}

/** What is sealed by mistake is released again, so that one case does not fill the device for the next. */
async function sealed(source: unknown, options: Record<string, unknown> = {}): Promise<void> {
  const made = await vram.sealModel(source as Uint8Array, options as SealOptions);
  await vram.release(made);
}

function oneChunk(chunk: unknown): { stream: ReadableStream; bytes: number } {
  const stream = new ReadableStream({
    start(controller) {
      controller.enqueue(chunk);
      controller.close();
    },
  });
  return { stream, bytes: 64 };
}

const MANAGER: Readonly<Record<string, Case>> = {
  sealModel: of(sealed, [bytes, {}], [], OPTIONS),
  ...fields("sealModel", (field) => sealed(bytes, field), {
    shardId: OPTIONAL,
    gpuDevice: ["undefined", "zero"],
    modelRef: OPTIONAL,
    group: OPTIONAL,
    shardIndex: OPTIONAL,
    totalShards: OPTIONAL,
    expectedDigest: OPTIONAL,
    tensors: ["undefined", "empty array"],
    exportable: OPTIONAL,
    payloadOffset: ["undefined", "zero"],
    deadlineMs: OPTIONAL,
    signal: OPTIONAL,
    onProgress: OPTIONAL,
    unknownKey: [],
  }),
  "sealModel of a stream": of((stream: unknown) => sealed({ stream, bytes: 64 }), [undefined]),
  "sealModel of a length": of((length: unknown) => sealed({ ...oneChunk(bytes), bytes: length }), [64]),
  "sealModel of a chunk": of((chunk: unknown) => sealed(oneChunk(chunk)), [bytes]),
  verifySealed: of(vram.verifySealed.bind(vram), [shard, {}], [], OPTIONS),
  ...fields("verifySealed of a shard", (field) => vram.verifySealed({ ...shard, ...field } as SealedShard), {
    ...Object.fromEntries(Object.keys(shard).map((name) => [name, []])),
    sealed: ["true"],
    gpuDevice: ["zero"],
    modelRef: OPTIONAL,
    shardIndex: OPTIONAL,
    totalShards: OPTIONAL,
  }),
  attestResidency: of(vram.attestResidency.bind(vram), [shard]),
  repair: of(vram.repair.bind(vram), [{}, bytes]),
  "repair from": of((source: never) => vram.repair(vram.current(shard.shardId) ?? shard, source), [bytes]),
  exportFd: of(vram.exportFd.bind(vram), [shard]),
  release: of(vram.release.bind(vram), [shard]),
  current: of(vram.current.bind(vram), ["a"]),
  capacity: of(vram.capacity.bind(vram), [0], ["undefined", "zero"]),
};

const parts = (field: Record<string, unknown>): ManagerParts =>
  ({
    allocator: makeMock(),
    keys: randomKeys(systemRandom),
    policy: "default",
    audit: new MemorySink(ports),
    ...ports,
    ...field,
  }) as ManagerParts;
const openParts = async (field: Record<string, unknown>): Promise<void> =>
  (await VramManager.open(parts(field))).close();
const open = async (field: Record<string, unknown>): Promise<void> => {
  const opened = await openVram({ backend: "mock", ...field } as OpenVramOptions);
  await opened.close();
};

const OPENING: Readonly<Record<string, Case>> = {
  "VramManager.open": of(VramManager.open.bind(VramManager), [parts({})]),
  ...fields("VramManager.open", openParts, {
    allocator: [],
    keys: [],
    policy: OPTIONS,
    audit: [],
    clock: [],
    timers: [],
    random: [],
    fileSystem: [],
    config: OPTIONS,
    requestedBackend: OPTIONAL,
    owned: ["undefined", "empty array"],
    unknownKey: "any",
  }),
  openVram: of(openVram, [{ backend: "mock" }]),
  ...fields("openVram", open, {
    mock: OPTIONS,
    allocator: OPTIONAL,
    config: OPTIONS,
    keys: OPTIONAL,
    policy: OPTIONS,
    clock: OPTIONAL,
    audit: OPTIONAL,
    unknownKey: [],
  }),
};

const planned = { shardId: "a", path: "/none", bytes: 64, payloadOffset: 0, tensors: [], gpuDevice: 0 };
const load = (plan: Record<string, unknown>, options: Record<string, unknown> = {}): unknown =>
  loadModel({ model: {}, shards: [planned], bytes: 64, ...plan } as never, {
    manager: vram,
    random: systemRandom,
    ...options,
  });

const LOADER: Readonly<Record<string, Case>> = {
  planModel: of(planModel, ["/none", { fileSystem: nodeFileSystem }]),
  "planModel devices": of(
    (devices: never) => planModel("/none", { fileSystem: nodeFileSystem, devices }),
    [[0]],
  ),
  loadModel: of(loadModel, [
    { model: {}, shards: [planned], bytes: 64 },
    { manager: vram, random: systemRandom },
  ]),
  "loadModel shards": of((shards: unknown) => load({ shards }), [[]], ["empty array"]),
  "loadModel shard": of((one: unknown) => load({ shards: [one] }), [planned]),
  ...fields("loadModel", (field) => load({}, field), {
    manager: [],
    random: [],
    modelRef: [],
    signal: [],
    onProgress: [],
  }),
};

const device = deviceIndex(0);
const size = byteCount(4096, "bytes");
const port = makeMock();
const id = await port.allocate(device, size);
const source = {
  kind: "memory",
  bytes: size,
  async *chunks() {
    yield await Promise.resolve(new Uint8Array(4096));
  },
} as never;
const ingest = (field: Record<string, unknown>): unknown =>
  port.ingest(id, source, { identity: true, residency: "fsverity-sha256", ...field } as IngestOptions);
const digest = (field: Record<string, unknown>): unknown =>
  port.digest(id, { algorithm: "fsverity-sha256", ...field } as DigestOptions);
const allocate = async (field: Record<string, unknown>): Promise<void> =>
  port.free(await port.allocate(device, size, field));
const method = (name: keyof Allocator, ...args: readonly unknown[]): Case =>
  of((...given: unknown[]) => Reflect.apply(Reflect.get(port, name) as () => unknown, port, given), args);

const MOCK: Readonly<Record<string, Case>> = {
  MockAllocator: of((options: MockOptions) => new MockAllocator(options), [{}]),
  ...fields("MockAllocator", makeMock, {
    devices: ["undefined", "null"],
    capacityBytes: ["undefined", "null"],
    granularityBytes: ["undefined", "null"],
    foreignBytes: ["undefined", "null", "zero"],
    digester: OPTIONAL,
    timers: [],
    random: [],
    unknownKey: "any",
  }),
  capacity: of(port.capacity.bind(port), [device], ["zero"]),
  allocate: of(
    async (on: never, length: never, options: never) => port.free(await port.allocate(on, length, options)),
    [device, size, {}],
    ["zero"],
    [],
    OBJECTS,
  ),
  ...fields("allocate", allocate, {
    align: OPTIONAL,
    exportable: OPTIONAL,
    signal: OPTIONAL,
    unknownKey: "any",
  }),
  ingest: method("ingest", id, source, { identity: true, residency: "blake3" }),
  ...fields("ingest", ingest, { identity: ["true"], residency: [], leaves: OPTIONAL, signal: OPTIONAL }),
  digest: method("digest", id, { algorithm: "sha256" }),
  ...fields("digest", digest, {
    algorithm: [],
    range: OPTIONAL,
    salt: OPTIONAL,
    tree: OPTIONAL,
    priority: OPTIONAL,
    signal: OPTIONAL,
  }),
  readBlocks: of(port.readBlocks.bind(port), [id, 0, 10], [], ["zero"], ["zero"]),
  writeBlocks: of(port.writeBlocks.bind(port), [id, 0, bytes], [], ["zero"]),
  protect: method("protect", id, "read-write"),
  evidence: method("evidence", id),
  wipe: method("wipe", id),
  free: method("free", { ...id, generation: 99 }),
};

test.each(Object.entries({ ...MANAGER, ...OPENING, ...LOADER, ...MOCK }))(
  "%s answers every wrong argument with a coded error",
  async (_, one) => {
    expect(await complaints(one)).toEqual([]);
  },
);

test("only the one good shard is left of it, and no rejection went unhandled", async () => {
  expect(vram.shards().map(({ id, state }) => `${id} ${state}`)).toEqual([`${shard.shardId} sealed`]);
  await vram.release(vram.current(shard.shardId) ?? shard);

  expect(mockControl(allocator).live()).toBe(0);
  expect((await vram.capacity()).usedBytes).toBe(0);
  await vram.close();
  await allocator[Symbol.asyncDispose]();
  await new Promise((resolve) => setTimeout(resolve, 10));
  expect(unhandled).toEqual([]);
});
