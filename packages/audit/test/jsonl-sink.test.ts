import { describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { JsonlSink } from "@vram-residency/audit";
import { seededRandom } from "@vram-residency/testing";
import type { AuditReceipt } from "@vram-residency/types";
import { nodeFileSystem, systemClock, systemRandom, systemTimers } from "@vram-residency/types/node";
import fc from "fast-check";
import { unavailableReason } from "./failure.ts";
import { numbered, numbers, openBench, withHandles } from "./jsonl-bench.ts";

describe("opening", () => {
  test("makes the directory and a new file of its owner alone, and records LogOpened", async () => {
    const bench = openBench();
    await using sink = await bench.open();
    const [line, rest] = bench.lines(sink);

    expect(sink.path).toMatch(/^\/state\/audit\/[0-9a-f]{32}\.jsonl$/);
    expect(JSON.parse(line ?? "")).toMatchObject({
      seq: 0,
      type: "LogOpened",
      data: { sink: "jsonl", tamperEvident: false },
    });
    expect(rest).toBe("");
    expect((await bench.files.stat(sink.path)).mode).toBe(0o600);
    expect((await bench.files.stat("/state/audit")).mode).toBe(0o700);
    expect(bench.files.calls("syncDirectory")).toBe(1);
  });

  test("fails, and closes the file, when any call on the way fails", async () => {
    for (const operation of [
      "makeDirectory",
      "open",
      "syncDirectory",
      "stat",
      "write",
      "dataSync",
    ] as const) {
      const bench = openBench();
      bench.files.fail({ operation, at: 1, code: "EIO" });
      let closed = 0;
      const fileSystem = withHandles(bench.files, (file) => ({
        [Symbol.asyncDispose]: async () => {
          closed += 1;
          await file[Symbol.asyncDispose]();
        },
      }));

      expect(await unavailableReason(bench.open({ fileSystem }))).toContain("the file could not be made");
      expect(bench.files.fired()).toHaveLength(1);
      expect([operation, closed]).toEqual([operation, ["makeDirectory", "open"].includes(operation) ? 0 : 1]);
      expect(bench.timers.pending()).toBe(0);
    }
  });

  test("fails rather than write into a file that is there", async () => {
    const bench = openBench();
    await using first = await bench.open({ random: seededRandom(5) });
    const before = bench.lines(first);

    expect(await unavailableReason(bench.open({ random: seededRandom(5) }))).toContain("could not be made");
    expect(bench.lines(first)).toEqual(before);
  });

  test("two sinks in one directory have a file each", async () => {
    const bench = openBench();
    await using first = await bench.open();
    await using second = await bench.open();

    expect(first.path).not.toBe(second.path);
  });
});

describe("recording", () => {
  test("acknowledges in order, without gaps, after write and sync", async () => {
    const bench = openBench();
    await using sink = await bench.open();
    const acknowledged: AuditReceipt[] = [];
    for (let count = 1; count <= 5; count += 1) {
      const synced = bench.files.calls("dataSync");
      acknowledged.push(await sink.append(numbered(count)));
      expect(bench.files.calls("dataSync")).toBe(synced + 1);
    }

    expect(acknowledged.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5]);
    expect(numbers(bench.lines(sink))).toEqual([1, 2, 3, 4, 5]);
  });

  test("nothing is acknowledged before its sync has ended", async () => {
    const bench = openBench();
    let release = (): void => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    let syncs = 0;
    const fileSystem = withHandles(bench.files, (file) => ({
      dataSync: async () => {
        syncs += 1;
        if (syncs === 2) await gate;
        await file.dataSync();
      },
    }));
    await using sink = await bench.open({ fileSystem });
    let acknowledged = false;
    const appending = sink.append(numbered(1)).then(() => {
      acknowledged = true;
    });
    while (syncs < 2) await systemTimers.yield();
    await systemTimers.yield();

    expect(acknowledged).toBe(false);
    release();
    await appending;
  });

  test("what arrives during a sync is the next batch, of at most 64", async () => {
    const bench = openBench();
    await using sink = await bench.open();
    const before = bench.files.calls("dataSync");
    const receipts = await Promise.all(
      Array.from({ length: 1 + 64 + 1 }, (_, at) => sink.append(numbered(at))),
    );

    // One at once, 64 that waited for it, and one more.
    expect(bench.files.calls("dataSync") - before).toBe(3);
    expect(receipts.map(({ seq }) => seq)).toEqual(Array.from({ length: 66 }, (_, at) => at + 1));
    expect(numbers(bench.lines(sink))).toEqual(Array.from({ length: 66 }, (_, at) => at));
  });

  test("refuses more than its queue holds, and goes on afterwards", async () => {
    const bench = openBench();
    await using sink = await bench.open({ queueMax: 2 });
    const appends = [1, 2, 3, 4].map((count) => unavailableReason(sink.append(numbered(count))));

    expect(await Promise.all(appends)).toEqual(["resolved", "resolved", "resolved", "queue full"]);
    expect(await unavailableReason(sink.append(numbered(5)))).toBe("resolved");
    expect(numbers(bench.lines(sink))).toEqual([1, 2, 3, 5]);
  });

  test("writes on after a short write, wherever it ends", async () => {
    const probe = openBench();
    const whole = await probe.open();
    await Promise.all([whole.append(numbered(1)), whole.append(numbered(2))]);
    const expected = probe.lines(whole);
    const longest = Math.max(...expected.map((line) => line.length)) + 1;

    for (let shortBytes = 1; shortBytes <= longest; shortBytes += 1) {
      const bench = openBench();
      const sink = await bench.open();
      bench.files.fail({ operation: "write", at: 1, shortBytes });
      bench.files.fail({ operation: "write", at: 2, shortBytes: 1 });
      await Promise.all([sink.append(numbered(1)), sink.append(numbered(2))]);

      expect(bench.lines(sink)).toEqual(expected);
    }
  });

  test("a file that takes no more bytes is a failure, not an endless loop", async () => {
    const bench = openBench();
    await using sink = await bench.open();
    bench.files.fail({ operation: "write", at: 1, shortBytes: 0 });

    expect(await unavailableReason(sink.append(numbered(1)))).toContain("failed");
    expect(sink.state).toBe("failed");
  });
});

describe("a failure", () => {
  test("of write, sync or stat is final: nothing is acknowledged, nothing is tried again", async () => {
    for (const operation of ["write", "dataSync", "stat"] as const) {
      for (const code of ["EIO", "ENOSPC"]) {
        const bench = openBench();
        const sink = await bench.open();
        bench.files.fail({ operation, at: 1, code });
        const reasons = await Promise.all([1, 2, 3].map((n) => unavailableReason(sink.append(numbered(n)))));
        const calls = ["write", "dataSync"].map((name) => bench.files.calls(name as "write"));

        expect(bench.files.fired()).toEqual([expect.stringContaining(code)]);
        expect(reasons).not.toContain("resolved");
        expect(sink.state).toBe("failed");
        expect(await unavailableReason(sink.append(numbered(4)))).toBe("failed");
        await sink[Symbol.asyncDispose]();
        expect(sink.state).toBe("closed");
        expect(["write", "dataSync"].map((name) => bench.files.calls(name as "write"))).toEqual(calls);
        expect(bench.timers.pending()).toBe(0);
      }
    }
  });

  test("keeps the system's error as its innermost cause", async () => {
    const bench = openBench();
    await using sink = await bench.open();
    bench.files.fail({ operation: "dataSync", at: 1, code: "EIO" });
    const error: unknown = await sink.append(numbered(1)).catch((cause: unknown) => cause);

    expect(error).toMatchObject({ code: "ERR_AUDIT_UNAVAILABLE", cause: { code: "EIO" } });
  });

  test("is noticed when the file was removed, even during the sync", async () => {
    for (const during of [false, true]) {
      const bench = openBench();
      let path = "";
      const fileSystem = withHandles(bench.files, (file) => ({
        dataSync: async () => {
          await file.dataSync();
          if (during && path !== "") await bench.files.remove(path);
        },
      }));
      const sink = await bench.open({ fileSystem });
      path = sink.path;
      if (!during) await bench.files.remove(path);

      expect(await unavailableReason(sink.append(numbered(1)))).toContain("failed");
      expect(sink.state).toBe("failed");
    }
  });

  test("is noticed when somebody else cut or lengthened the file", async () => {
    for (const change of [-1, 1]) {
      const bench = openBench();
      const sink = await bench.open();
      const { bytes } = await bench.files.stat(sink.path);
      await using other = await bench.files.open(sink.path, { mode: "read-write" });
      await other.truncate(bytes + change);

      expect(await unavailableReason(sink.append(numbered(1)))).toContain("failed");
    }
  });

  test("is a batch that takes longer than the deadline; what hung is not carried on with later", async () => {
    const bench = openBench();
    let release = (): void => {};
    let hanging = false;
    const fileSystem = withHandles(bench.files, (file) => ({
      write: async (bytes, position) => {
        if (hanging) {
          await new Promise<void>((resolve) => {
            release = resolve;
          });
        }
        return await file.write(bytes.subarray(0, 10), position);
      },
    }));
    const sink = await bench.open({ fileSystem, deadlineMs: 100 });
    hanging = true;
    const appending = unavailableReason(sink.append(numbered(1)));
    const waiting = unavailableReason(sink.append(numbered(2)));
    await systemTimers.yield();
    bench.advance(99.999);
    await systemTimers.yield();
    expect(sink.state).toBe("ready");

    bench.advance(0.001);
    expect(await appending).toContain("took too long");
    expect(await waiting).toContain("took too long");
    expect(sink.state).toBe("failed");

    // The write that hung ends at last, ten bytes long: the rest of its line, and the sync, must not follow.
    const writes = bench.files.calls("write");
    const syncs = bench.files.calls("dataSync");
    hanging = false;
    release();
    for (let turn = 0; turn < 10; turn += 1) await systemTimers.yield();
    expect(bench.files.calls("write")).toBe(writes + 1);
    expect(bench.files.calls("dataSync")).toBe(syncs);
    expect(bench.timers.pending()).toBe(0);
  });
});

describe("closing", () => {
  test("records LogClosed last, with the count of all records, and closes the file once", async () => {
    const bench = openBench();
    let closed = 0;
    const fileSystem = withHandles(bench.files, (file) => ({
      [Symbol.asyncDispose]: async () => {
        closed += 1;
        await file[Symbol.asyncDispose]();
      },
    }));
    const sink = await bench.open({ fileSystem });
    const before = [1, 2, 3].map((count) => unavailableReason(sink.append(numbered(count))));
    const closing = [sink[Symbol.asyncDispose](), sink[Symbol.asyncDispose]()];
    const late = unavailableReason(sink.append(numbered(4)));
    await Promise.all(closing);
    await sink[Symbol.asyncDispose]();

    expect(await Promise.all(before)).toEqual(["resolved", "resolved", "resolved"]);
    expect(await late).toBe("closed");
    expect(closed).toBe(1);
    const lines = bench.lines(sink);
    expect(lines).toHaveLength(6);
    expect(JSON.parse(lines[4] ?? "")).toMatchObject({ seq: 4, type: "LogClosed", data: { records: 5 } });
    expect(numbers(lines)).toEqual([1, 2, 3]);
  });

  test("takes LogClosed even when the queue is full", async () => {
    const bench = openBench();
    const sink = await bench.open({ queueMax: 1 });
    const appends = [1, 2].map((count) => unavailableReason(sink.append(numbered(count))));
    await sink[Symbol.asyncDispose]();

    expect(await Promise.all(appends)).toEqual(["resolved", "resolved"]);
    expect(bench.lines(sink).at(-2)).toContain("LogClosed");
  });

  test("never rejects, whether LogClosed or closing itself fails", async () => {
    const bench = openBench();
    const fileSystem = withHandles(bench.files, () => ({
      [Symbol.asyncDispose]: () => Promise.reject(new Error("EIO: close failed")),
    }));
    const sink = await bench.open({ fileSystem });
    bench.files.fail({ operation: "dataSync", at: 1, code: "EIO" });
    await sink[Symbol.asyncDispose]();

    expect(sink.state).toBe("closed");
  });

  test("does not wait for a disk that hangs for longer than the deadline", async () => {
    const bench = openBench();
    const fileSystem = withHandles(bench.files, () => ({
      [Symbol.asyncDispose]: () => new Promise<never>(() => {}),
    }));
    const sink = await bench.open({ fileSystem, deadlineMs: 100 });
    const closing = sink[Symbol.asyncDispose]();
    while (!bench.lines(sink).at(-2)?.includes("LogClosed")) await systemTimers.yield();
    await systemTimers.yield();
    bench.advance(100);

    expect(await closing).toBeUndefined();
  });
});

test("whatever goes wrong, everything acknowledged is on disk, in order, as whole lines", async () => {
  const fault = fc.record({
    operation: fc.constantFrom("write" as const, "dataSync" as const, "stat" as const),
    at: fc.integer({ min: 1, max: 12 }),
    shortBytes: fc.option(fc.integer({ min: 0, max: 400 }), { nil: undefined }),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fault, { maxLength: 3 }),
      fc.array(fc.integer({ min: 1, max: 70 }), { minLength: 1, maxLength: 5 }),
      async (faults, bursts) => {
        const bench = openBench();
        const sink = await bench.open();
        for (const { operation, at, shortBytes } of faults) {
          if (operation === "write" && shortBytes !== undefined)
            bench.files.fail({ operation, at, shortBytes });
          else bench.files.fail({ operation, at, code: "EIO" });
        }
        const acknowledged: number[] = [];
        let next = 0;
        for (const burst of bursts) {
          const appends = Array.from({ length: burst }, async () => {
            const count = ++next;
            if ((await unavailableReason(sink.append(numbered(count)))) === "resolved")
              acknowledged.push(count);
          });
          await Promise.all(appends);
        }

        const lines = bench.lines(sink).slice(0, acknowledged.length + 1);
        expect(numbers(lines)).toEqual(acknowledged);
        expect(acknowledged).toEqual(Array.from({ length: acknowledged.length }, (_, index) => index + 1));
        expect(acknowledged.length === next).toBe(sink.state === "ready");
        await sink[Symbol.asyncDispose]();
      },
    ),
  );
});

test("keeps a log on a real file system", async () => {
  const directory = mkdtempSync(join(tmpdir(), "vram-audit-"));
  try {
    const sink = await JsonlSink.open({
      fileSystem: nodeFileSystem,
      clock: systemClock,
      timers: systemTimers,
      random: systemRandom,
      directory: join(directory, "deep", "log"),
    });
    await Promise.all(Array.from({ length: 100 }, (_, index) => sink.append(numbered(index))));
    await sink[Symbol.asyncDispose]();

    const lines = readFileSync(sink.path, "utf8").split("\n");
    expect(numbers(lines)).toEqual(Array.from({ length: 100 }, (_, index) => index));
    expect(JSON.parse(lines[101] ?? "")).toMatchObject({
      seq: 101,
      type: "LogClosed",
      data: { records: 102 },
    });
    expect(lines.slice(102)).toEqual([""]);
    expect(statSync(sink.path).mode & 0o777).toBe(0o600);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
