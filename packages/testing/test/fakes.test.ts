import { describe, expect, test } from "bun:test";
import { recordingSink, seededRandom, sourceOf, withFaults } from "@vram-residency/testing";
import { type Allocator, type AuditEvent, byteCount, deviceIndex, VramError } from "@vram-residency/types";

describe("seeded random", () => {
  test("gives the same bytes for the same seed, on every runtime", () => {
    expect(Buffer.from(seededRandom(1).bytes(8)).toString("hex")).toBe("d4197117e52d9681");
    const once = seededRandom(2);
    const again = seededRandom(2);
    for (const length of [0, 1, 3, 4, 1000]) expect(once.bytes(length)).toEqual(again.bytes(length));
  });

  test("gives different bytes for different seeds, and for one call after the other", () => {
    const random = seededRandom(0);
    const seen = [random.bytes(16), random.bytes(16), seededRandom(1).bytes(16), seededRandom(-1).bytes(16)];

    expect(new Set(seen.map((bytes) => Buffer.from(bytes).toString("hex"))).size).toBe(4);
  });

  test("spreads over all bytes", () => {
    const counts = new Array<number>(256).fill(0);
    for (const byte of seededRandom(7).bytes(256_000)) counts[byte] = (counts[byte] ?? 0) + 1;

    // 1000 expected of each; six standard deviations are 190.
    expect(Math.min(...counts)).toBeGreaterThan(810);
    expect(Math.max(...counts)).toBeLessThan(1190);
  });
});

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<{ all: Uint8Array; runs: number[] }> {
  const all: number[] = [];
  const runs: number[] = [];
  for await (const run of chunks) {
    all.push(...run);
    runs.push(run.length);
  }
  return { all: Uint8Array.from(all), runs };
}

describe("a source", () => {
  const content = seededRandom(3).bytes(10);

  test("gives its bytes in order, in runs of at most what is asked for and of its own", async () => {
    expect(await collect(sourceOf(content).chunks(4))).toEqual({ all: content, runs: [4, 4, 2] });
    expect(await collect(sourceOf(content, { runBytes: 3 }).chunks(4))).toEqual({
      all: content,
      runs: [3, 3, 3, 1],
    });
  });

  test("spoils each run once the next is asked for, so that a reader that keeps one sees it change", async () => {
    const kept: Uint8Array[] = [];
    for await (const run of sourceOf(content).chunks(5)) kept.push(run);

    expect(kept).toEqual([new Uint8Array(5).fill(0xdb), new Uint8Array(5).fill(0xdb)]);
  });

  test("claims what it is told to, and fails where it is told to", async () => {
    expect<number>(sourceOf(content, { claimedBytes: 99 }).bytes).toBe(99);
    const given: number[] = [];
    const source = sourceOf(content, { failAfter: 4, runBytes: 2, onRun: (bytes) => given.push(bytes) });

    await expect(collect(source.chunks(4))).rejects.toMatchObject({
      code: "ERR_SOURCE",
      detail: { reason: "unreadable" },
    });
    expect(given).toEqual([0, 2, 4]);
  });

  test("can be read again unless it is a stream", async () => {
    expect(await sourceOf(content, { kind: "file" }).readRange?.(2, 3)).toEqual(content.slice(2, 5));
    expect(sourceOf(content, { kind: "stream" }).readRange).toBeUndefined();
  });
});

const EVENT: AuditEvent = { type: "VramSealed", severity: "info", data: { shardId: "a" } };

describe("a recording sink", () => {
  test("records in order and gives each event its place", async () => {
    const sink = recordingSink("f".repeat(32));

    expect(await sink.append(EVENT)).toEqual({ log: "f".repeat(32), seq: 0 });
    expect(await sink.append({ ...EVENT, severity: "warning" })).toMatchObject({ seq: 1 });

    expect(sink.events.map(({ severity }) => severity)).toEqual(["info", "warning"]);
    expect(sink.events[0]).not.toBe(EVENT);
  });

  test("fails at the chosen call, stays failed, and is ready again when it is told so", async () => {
    const sink = recordingSink();
    await sink.append(EVENT);
    sink.failAt(2);
    await sink.append(EVENT);

    await expect(sink.append(EVENT)).rejects.toMatchObject({ code: "ERR_AUDIT_UNAVAILABLE" });
    expect(sink.state).toBe("failed");
    await expect(sink.append(EVENT)).rejects.toMatchObject({ code: "ERR_AUDIT_UNAVAILABLE" });

    sink.resume();
    await sink.append(EVENT);
    expect(sink.events).toHaveLength(3);
    expect(sink.calls()).toBe(5);
  });

  test("hangs at the chosen call and after it, and records in order once it goes on", async () => {
    const sink = recordingSink();
    sink.hangAt(1);
    let settled = 0;
    const waiting = [1, 2].map((n) =>
      sink.append({ ...EVENT, data: { n } }).finally(() => {
        settled += 1;
      }),
    );
    await Bun.sleep(0);
    expect(settled).toBe(0);

    sink.resume();

    expect((await Promise.all(waiting)).map(({ seq }) => seq)).toEqual([0, 1]);
    expect(sink.events.map(({ data }) => data["n"])).toEqual([1, 2]);
  });

  test("closes at the chosen call, and when it is disposed of, and then never opens again", async () => {
    const closing = recordingSink();
    closing.closeAt(1);
    await expect(closing.append(EVENT)).rejects.toThrow("ERR_AUDIT_UNAVAILABLE");
    closing.resume();
    expect(closing.state).toBe("closed");

    const hanging = recordingSink();
    hanging.hangAt(1);
    const append = hanging.append(EVENT);
    await hanging[Symbol.asyncDispose]();
    await expect(append).rejects.toThrow("ERR_AUDIT_UNAVAILABLE");
  });
});

/** An allocator that answers every call with its name. */
function echo(calls: string[]): Allocator {
  const answer = (name: string) => async (): Promise<never> => {
    calls.push(name);
    return name as never;
  };
  return {
    backend: "mock",
    devices: answer("devices"),
    capacity: answer("capacity"),
    allocate: answer("allocate"),
    ingest: answer("ingest"),
    digest: answer("digest"),
    readBlocks: answer("readBlocks"),
    writeBlocks: answer("writeBlocks"),
    protect: answer("protect"),
    evidence: answer("evidence"),
    wipe: answer("wipe"),
    free: answer("free"),
    async [Symbol.asyncDispose]() {
      calls.push("dispose");
    },
  };
}

describe("an allocator with faults", () => {
  const error = new VramError("ERR_DEVICE_LOST", "gone", { device: 0, driverCode: 1, restartNeeded: false });
  const device = deviceIndex(0);

  test("passes every call on, and counts it", async () => {
    const calls: string[] = [];
    const allocator = withFaults(echo(calls), []);
    const id = { device, slot: 0, generation: 1 };
    const zero = byteCount(0, "zero");

    await allocator.devices();
    await allocator.capacity(device);
    await allocator.allocate(device, byteCount(1, "bytes"));
    await allocator.ingest(id, sourceOf(new Uint8Array(0)), { identity: true, residency: "blake3" });
    await allocator.digest(id, { algorithm: "sha256" });
    await allocator.readBlocks(id, zero, zero);
    await allocator.writeBlocks(id, zero, new Uint8Array(0));
    await allocator.protect(id, "read");
    await allocator.evidence(id);
    await allocator.wipe(id);
    await allocator.free(id);
    await allocator[Symbol.asyncDispose]();

    expect(calls).toEqual([
      "devices",
      "capacity",
      "allocate",
      "ingest",
      "digest",
      "readBlocks",
      "writeBlocks",
      "protect",
      "evidence",
      "wipe",
      "free",
      "dispose",
    ]);
    expect(allocator.calls()).toBe(11);
    expect(allocator.calls("wipe")).toBe(1);
    expect(allocator.exportFd).toBeUndefined();
  });

  test("fails the n-th call of one operation, before it reaches the device", async () => {
    const calls: string[] = [];
    const fault = { operation: "capacity", at: 2, error } as const;
    const allocator = withFaults(echo(calls), [fault]);

    await allocator.capacity(device);
    await allocator.devices();
    await expect(allocator.capacity(device)).rejects.toBe(error);
    await allocator.capacity(device);

    expect(calls).toEqual(["capacity", "devices", "capacity"]);
    expect(allocator.fired()).toEqual([fault]);
  });

  test("fails the n-th call of any operation, or loses the answer of one that took effect", async () => {
    const calls: string[] = [];
    const allocator = withFaults(echo(calls), [
      { operation: "any", at: 2, error, when: "after" },
      { operation: "any", at: 3, error },
    ]);

    await allocator.devices();
    await expect(allocator.capacity(device)).rejects.toBe(error);
    await expect(allocator.devices()).rejects.toBe(error);

    expect(calls).toEqual(["devices", "capacity"]);
  });

  test("lets a loop find where the calls end", async () => {
    const work = async (allocator: Allocator): Promise<void> => {
      await allocator.devices();
      await allocator.capacity(device);
      await allocator.devices();
    };
    const outcomes: boolean[] = [];
    for (let at = 1; ; at += 1) {
      const allocator = withFaults(echo([]), [{ operation: "any", at, error }]);
      const failed = await work(allocator).then(
        () => false,
        () => true,
      );
      outcomes.push(failed);
      if (allocator.fired().length === 0) break;
    }

    expect(outcomes).toEqual([true, true, true, false]);
  });
});
