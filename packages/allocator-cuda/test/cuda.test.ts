/** What the contract does not ask, because only a device with a driver can be asked it. */
import { afterAll, describe, expect, test } from "bun:test";
import { closeSync, readdirSync } from "node:fs";
import { appendFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { CudaAllocator } from "@vram-residency/allocator-cuda";
import { computeDigest } from "@vram-residency/crypto";
import { seededRandom, sourceOf } from "@vram-residency/testing";
import {
  type AllocationId,
  byteCount,
  deviceIndex,
  hasCode,
  type IngestOptions,
  type OpenedSource,
  type VramError,
} from "@vram-residency/types";
import { nodeFileSystem } from "@vram-residency/types/node";
import { BUILT, driver, openFake } from "./fake-driver.ts";
import { scratch } from "./stub-library.ts";

const FIRST = deviceIndex(0);
const BOTH: IngestOptions = { identity: true, residency: "fsverity-sha256" };
const CONTENT: Uint8Array = seededRandom(5).bytes(9_000_001);
const SETTINGS = `profile=two-devices total_bytes=${96 << 20} context_bytes=0`;

function open(settings = ""): Promise<CudaAllocator> {
  driver.reset(`${SETTINGS} ${settings}`);
  return openFake({ stagingBytes: 8 << 20 });
}

function allocate(cuda: CudaAllocator, bytes: number, device = FIRST): Promise<AllocationId> {
  return cuda.allocate(device, byteCount(bytes, "bytes"));
}

async function fileSource(path: string, bytes: number): Promise<OpenedSource> {
  const file = await nodeFileSystem.open(path, { mode: "read" });
  return {
    kind: "file",
    bytes: byteCount(bytes, "bytes"),
    file,
    chunks() {
      throw new Error("the library was to read the file itself");
    },
    [Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
  };
}

async function failure(promise: Promise<unknown>): Promise<VramError> {
  const error: unknown = await promise.then(
    () => new Error("expected a rejection"),
    (thrown: unknown) => thrown,
  );
  return error as VramError;
}

afterAll(() => {
  if (BUILT) driver.reset();
});

describe.skipIf(!BUILT)("CUDA over the fake driver", () => {
  test("a file is read by the library itself, and its digests are those of its bytes", async () => {
    const path = join(scratch(), "weights");
    await writeFile(path, CONTENT);
    await using cuda = await open();
    const id = await allocate(cuda, CONTENT.length);
    await using source = await fileSource(path, CONTENT.length);
    const seen: number[] = [];

    const report = await cuda.ingest(id, source, { ...BOTH, onProgress: (bytes) => seen.push(bytes) });

    expect<string | undefined>(report.identity).toBe(computeDigest(CONTENT));
    expect(report.residency).toBe(computeDigest(CONTENT, "fsverity-sha256"));
    expect((await cuda.digest(id, { algorithm: "fsverity-sha256" })).digest).toBe(report.residency);
    expect(seen.at(-1)).toBe(CONTENT.length);
  });

  test("a file that is shorter or longer than it was said to be is refused with its reason", async () => {
    const path = join(scratch(), "weights");
    await writeFile(path, CONTENT);
    await using cuda = await open();
    const id = await allocate(cuda, CONTENT.length);
    const reasonOf = async (): Promise<unknown> => {
      await using source = await fileSource(path, CONTENT.length);
      const error = await failure(cuda.ingest(id, source, BOTH));
      return hasCode(error, "ERR_SOURCE") ? error.detail.reason : error;
    };

    await appendFile(path, "x");
    const longer = await reasonOf();
    await truncate(path, CONTENT.length - 1);

    expect([longer, await reasonOf()]).toEqual(["changed", "truncated"]);
  });

  test("a device has one ring, however many loads there are, and none when they are done", async () => {
    await using cuda = await open();
    const ids = await Promise.all([1, 2, 3].map(() => allocate(cuda, CONTENT.length)));

    await Promise.all(ids.map((id) => cuda.ingest(id, sourceOf(CONTENT), BOTH)));

    // And what digests come back through.
    expect(driver.pinnedPeakBytes()).toBeLessThanOrEqual((8 << 20) + (64 << 10));
    expect((await cuda.capacity(FIRST)).stagingBytes as number).toBe(0);
  });

  test("while a driver call sleeps, timers and other promises go on", async () => {
    await using cuda = await open();
    const id = await allocate(cuda, 4096);
    const order: string[] = [];
    driver.delay("cuMemsetD8Async", 1, 400);

    const wiping = cuda.wipe(id).then(() => order.push("wiped"));
    for (let tick = 1; tick <= 5; tick += 1) {
      await Bun.sleep(10);
      order.push(`tick ${tick}`);
    }
    await wiping;

    expect(driver.fired()).toBe(1);
    expect(order).toEqual(["tick 1", "tick 2", "tick 3", "tick 4", "tick 5", "wiped"]);
  });

  test("a device that waits for its driver keeps nobody of another device waiting", async () => {
    await using cuda = await open();
    const [first, second] = [await allocate(cuda, 4096), await allocate(cuda, 4096, deviceIndex(1))];
    const order: string[] = [];
    driver.delay("cuMemsetD8Async", 1, 300);

    const slow = cuda.wipe(first).then(() => order.push("first"));
    await Bun.sleep(20);
    await cuda.wipe(second).then(() => order.push("second"));
    await slow;

    expect(order).toEqual(["second", "first"]);
  });

  test("calls on two devices by turns reach each its own memory, and say so in their evidence", async () => {
    await using cuda = await open();
    const ids = await Promise.all(
      Array.from({ length: 8 }, (_, index) => allocate(cuda, 4096, deviceIndex(index % 2))),
    );
    const contents = ids.map((_, index) => seededRandom(index + 1).bytes(4096));

    await Promise.all(
      ids.map((id, index) =>
        cuda.writeBlocks(id, byteCount(0, "offset"), contents[index] ?? new Uint8Array(0)),
      ),
    );

    const [uuids, evidence, digests] = await Promise.all([
      cuda.devices(),
      Promise.all(ids.map((id) => cuda.evidence(id))),
      Promise.all(ids.map((id) => cuda.digest(id, { algorithm: "sha256" }))),
    ]);
    expect(evidence.map(({ stable }) => [stable.ordinal, stable.deviceUuid])).toEqual(
      ids.map(({ device }) => [device as number, uuids[device]?.uuid ?? ""]),
    );
    expect(digests.map(({ digest }) => digest as string)).toEqual(
      contents.map((content) => computeDigest(content)),
    );
    const mib = 2 << 20;
    expect([driver.usedBytes(0), driver.usedBytes(1)]).toEqual([4 * mib, 4 * mib]);
  });

  test("a copy that delivers other bytes is seen by the digest of device memory, and not by the copy's own", async () => {
    await using cuda = await open();
    const id = await allocate(cuda, CONTENT.length);
    driver.flipCopy(1, 77, 1);

    const { residency } = await cuda.ingest(id, sourceOf(CONTENT), BOTH);
    const { digest } = await cuda.digest(id, { algorithm: "fsverity-sha256" });

    expect(driver.fired()).toBe(1);
    expect(residency).toBe(computeDigest(CONTENT, "fsverity-sha256"));
    expect(digest).not.toBe(residency);
  });

  test("too little memory is told in numbers: needed, available, in one piece, and in use by others", async () => {
    await using cuda = await open(`foreign_bytes=${16 << 20} largest_bytes=${32 << 20}`);

    const error = await failure(allocate(cuda, 90 << 20));

    expect(hasCode(error, "ERR_VRAM_INSUFFICIENT") && error.detail).toEqual({
      device: 0,
      neededBytes: 90 << 20,
      availableBytes: 80 << 20,
      largestFreeBytes: expect.any(Number) as unknown as number,
      foreignBytes: 16 << 20,
    });
  });

  test("an exported allocation is a descriptor of the caller's, and only one made for export is", async () => {
    await using cuda = await open();
    const exportable = await cuda.allocate(FIRST, byteCount(4096, "bytes"), { exportable: true });

    const descriptor = await cuda.exportFd(exportable);

    expect((await cuda.evidence(exportable)).stable.handleTypes).toEqual(["posix-fd"]);
    expect(descriptor).toBeGreaterThan(2);
    closeSync(descriptor);
    expect((await failure(cuda.exportFd(await allocate(cuda, 4096)))).code).toBe("ERR_STATE");
  });

  test("a lost device answers ERR_DEVICE_LOST to everything, and the other goes on", async () => {
    await using cuda = await open();
    const [first, second] = [await allocate(cuda, 4096), await allocate(cuda, 4096, deviceIndex(1))];
    driver.lose(0);
    const id = first;

    const refusals = [
      await failure(cuda.digest(id, { algorithm: "sha256" })),
      await failure(allocate(cuda, 1)),
      await failure(cuda.capacity(FIRST)),
      await failure(cuda.wipe(id)),
    ];

    expect(refusals.map(({ code }) => code)).toEqual(Array(4).fill("ERR_DEVICE_LOST"));
    expect((await cuda.wipe(second)).nonZeroBytes as number).toBe(0);
  });

  test("disposing wipes and frees what is still there, and leaves no descriptor behind", async () => {
    const before = readdirSync("/proc/self/fd").length;
    for (let time = 0; time < 12; time += 1) {
      const cuda = await open();
      const id = await allocate(cuda, 1_000_000);
      await cuda.ingest(id, sourceOf(CONTENT.subarray(0, 1_000_000)), BOTH);

      await cuda[Symbol.asyncDispose]();

      expect({ alive: driver.alive(), dirty: driver.dirtyBytes() }).toEqual({ alive: {}, dirty: 0 });
    }
    // The runtime opens and closes some of its own meanwhile; one a time would be twelve.
    expect(readdirSync("/proc/self/fd").length - before).toBeLessThan(6);
  });

  test("a fake driver is refused unless a test asks for it, and then no library counts as pinned", async () => {
    await using cuda = await open();

    expect(cuda.library).toMatchObject({ fake: true, pinned: false });
    expect((await cuda.devices()).map(({ native }) => native)).toEqual(
      Array(2).fill({ digest: cuda.library.digest, pinned: false }),
    );
  });

  test("a process that has nothing under way ends by itself, also without disposing", async () => {
    const program = `
      const { driver, openFake } = await import(${JSON.stringify(join(import.meta.dir, "fake-driver.ts"))});
      driver.reset("profile=h200 total_bytes=${64 << 20} context_bytes=0");
      const cuda = await openFake({ stagingBytes: ${8 << 20} });
      await cuda.free(await cuda.allocate(0, 4096));
      console.log("done");`;
    const child = Bun.spawn([process.execPath, "--conditions=vram-residency-source", "-e", program], {
      cwd: import.meta.dir,
      stdout: "pipe",
    });

    expect((await new Response(child.stdout).text()).trim()).toBe("done");
    expect(await child.exited).toBe(0);
  });
});
