import { describe, expect, test } from "bun:test";
import { LINES_PER_KEY, parseCheckpoint } from "@vram-residency/audit/log";
import { change, DIRECTORY, linesOf, logBench, verified } from "./log-bench.ts";

describe("a new log", () => {
  test("has a segment, its checkpoints and its key, and is sound from the first record on", async () => {
    const bench = logBench();
    await using log = await bench.open();

    expect(await bench.files.list(DIRECTORY)).toEqual([
      "00000000000000000000.jsonl",
      "checkpoint",
      "checkpoints",
      "log.pub",
    ]);
    expect(log.opened).toMatchObject({ found: "new", records: 0 });
    expect(linesOf(bench.files).map(({ type }) => type)).toEqual(["LogOpened"]);
    expect(await verified(bench.files, log)).toMatchObject({ verdict: "sound", records: 1, signed: 1 });
  });

  test("numbers what it records, and is sound when closed and opened again", async () => {
    const bench = logBench();
    let log = await bench.open();
    const receipts = await Promise.all(Array.from({ length: 300 }, (_, index) => log.append(change(index))));
    expect(receipts.map(({ seq }) => seq)).toEqual(Array.from({ length: 300 }, (_, index) => index + 1));
    await log[Symbol.asyncDispose]();
    expect(log.state).toBe("closed");
    expect(bench.lock.held.size).toBe(0);
    expect(bench.timers.pending()).toBe(0);
    expect(await verified(bench.files, log)).toMatchObject({ verdict: "sound", records: 302, signed: 302 });

    const first = log;
    log = await bench.open();
    expect(log.opened).toMatchObject({
      found: "clean",
      records: 302,
      signed: 302,
      recovered: false,
      lostSeals: 0,
      previousEpoch: first.epoch,
    });
    expect(log.log).toBe(first.log);
    await log.append(change(1));
    await log[Symbol.asyncDispose]();
    expect(await verified(bench.files, log)).toMatchObject({ verdict: "sound", records: 305, signed: 305 });
    expect(parseCheckpoint(bench.files.get(`${DIRECTORY}/checkpoint`)).size).toBe(305);
    expect(LINES_PER_KEY).toBe(256);
  });
});
