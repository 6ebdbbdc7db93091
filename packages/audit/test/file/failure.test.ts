import { describe, expect, test } from "bun:test";
import { auditEvent } from "@vram-residency/audit";
import { parseCheckpoint } from "@vram-residency/audit/log";
import type { AuditEvent } from "@vram-residency/types";
import { unavailableReason } from "../failure.ts";
import { change, DIRECTORY, linesOf, logBench, testAnchor, verified } from "./log-bench.ts";

const SEGMENT = `${DIRECTORY}/00000000000000000000.jsonl`;

function refused(shardId: string, count = 1): AuditEvent {
  return auditEvent("SealVerificationFailed", { shardId, reason: "bad-mac", count, workerId: "worker" });
}

/** Lets everything that can settle by itself settle. */
async function settled(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 0));
}

describe("a write or a sync that fails", () => {
  for (const operation of ["write", "dataSync"] as const) {
    for (const code of ["EIO", "EINTR", "EFBIG"]) {
      test(`${operation}: ${code} is made good in a new segment, and nobody notices but the log`, async () => {
        const bench = logBench();
        const log = await bench.open();
        await log.append(change(0));
        bench.files.fail({
          operation,
          at: 1,
          code,
          effect: operation === "dataSync" ? "dropped" : "nothing",
        });
        const receipts = await Promise.all([log.append(change(1)), log.append(change(2))]);

        expect(receipts.map(({ seq }) => seq)).toEqual([3, 4]);
        expect(log.state).toBe("ready");
        const [first] = linesOf(bench.files, 2);
        expect(first).toMatchObject({ seq: 2, type: "AuditRecovered", severity: "warning" });
        expect(first?.data).toEqual({
          lastSeq: 1,
          suspect: false,
          prevSegment: "00000000000000000000",
          keepBytes: linesOf(bench.files)
            .slice(0, 2)
            .reduce((sum) => sum, first?.data["keepBytes"] as number),
          code,
        });
        await log[Symbol.asyncDispose]();
        const report = await verified(bench.files, log);
        expect(report).toMatchObject({ verdict: "sound", records: 6 });
        await using again = await bench.open();
        expect(again.opened).toMatchObject({ found: "clean", records: 6 });
      });
    }
  }

  test("nothing of a batch that was made ahead, behind one that fails, is lost or comes twice", async () => {
    const bench = logBench();
    const log = await bench.open();
    bench.files.fail({ operation: "dataSync", at: 1, code: "EIO", effect: "dropped" });
    const receipts = await Promise.all(Array.from({ length: 150 }, (_, index) => log.append(change(index))));
    await log[Symbol.asyncDispose]();

    // Behind LogOpened comes AuditRecovered.
    expect(receipts.map(({ seq }) => seq)).toEqual(Array.from({ length: 150 }, (_, index) => index + 2));
    const texts = linesOf(bench.files, 1).map(({ data }) => data["from"]);
    expect(texts.slice(1, -1)).toEqual(receipts.map((_, index) => change(index).data["from"]));
    expect(await verified(bench.files, log)).toMatchObject({ verdict: "sound", records: 153 });
  });

  test("what the old segment has behind its last acknowledged record is abandoned, not lost and not read", async () => {
    const bench = logBench();
    const log = await bench.open();
    const before = bench.files.get(SEGMENT).length;
    bench.files.fail({ operation: "dataSync", at: 1, code: "EIO" });
    await log.append(change(1));
    await log[Symbol.asyncDispose]();

    const abandonedBytes = bench.files.get(SEGMENT).length - before;
    expect(abandonedBytes).toBeGreaterThan(0);
    expect(await verified(bench.files, log)).toMatchObject({ verdict: "sound", abandonedBytes });
  });

  test("fails for good when the new segment fails too, and a second sync is never tried on one descriptor", async () => {
    const bench = logBench();
    const log = await bench.open();
    bench.files.fail({ operation: "dataSync", at: 1, code: "EIO" });
    bench.files.fail({ operation: "dataSync", at: 2, code: "EIO" });
    const syncs = bench.files.calls("dataSync");

    expect(await unavailableReason(log.append(change(1)))).toContain("a file call failed with EIO");
    expect(bench.files.calls("dataSync")).toBe(syncs + 2);
    expect(log.state).toBe("failed");
    expect(await unavailableReason(log.append(change(2)))).toBe("failed");
    expect(await unavailableReason(log.checkpoint())).toBe("failed");
    await log[Symbol.asyncDispose]();
    expect(bench.files.calls("dataSync")).toBe(syncs + 2);
    expect([log.state, bench.timers.pending(), bench.lock.held.size]).toEqual(["closed", 0, 0]);
    await using again = await bench.open();
    expect(again.opened).toMatchObject({ found: "unclean", records: 2 });
  });

  test("a full disk fails the log at once, with words that say so", async () => {
    for (const code of ["ENOSPC", "EDQUOT"]) {
      const bench = logBench();
      const log = await bench.open();
      bench.files.fail({ operation: "write", at: 1, code });

      expect(await unavailableReason(log.append(change(1)))).toContain("the disk is full; free space");
      expect(log.state).toBe("failed");
      await log[Symbol.asyncDispose]();
      expect(linesOf(bench.files)).toHaveLength(1);
      await (await bench.open())[Symbol.asyncDispose]();
    }
  });

  test("a checkpoint that cannot be written fails the log", async () => {
    const bench = logBench();
    const log = await bench.open();
    bench.files.fail({ operation: "rename", at: 1, code: "EIO" });

    expect(await unavailableReason(log.checkpoint())).toContain("a file call failed with EIO");
    expect(log.state).toBe("failed");
    await log[Symbol.asyncDispose]();
    await using again = await bench.open();
    expect(again.opened.found).toBe("unclean");
    expect(await verified(bench.files, again)).toMatchObject({ verdict: "sound" });
  });

  test("nor can records go on behind one that was never put in the place of the newest", async () => {
    const bench = logBench();
    await using log = await bench.open();
    bench.files.fail({ operation: "rename", at: 1, code: "EIO" });
    const critical = { count: 1, types: [], firstMono: "0", lastMono: "0", workerId: "w" };
    await log.append(auditEvent("AuditGap", critical));
    await settled();

    expect(log.state).toBe("failed");
    expect(await unavailableReason(log.append(change(1)))).toBe("failed");
  });

  test("short writes are carried on with", async () => {
    const bench = logBench();
    await using log = await bench.open();
    for (let at = 1; at <= 3; at += 1) bench.files.fail({ operation: "write", at, shortBytes: 7 });
    await log.append(change(1));

    expect(bench.files.fired()).toHaveLength(3);
    expect(linesOf(bench.files)).toHaveLength(2);
    expect(log.state).toBe("ready");
  });

  test("a file that takes nothing fails like a full disk", async () => {
    const bench = logBench();
    await using log = await bench.open();
    bench.files.fail({ operation: "write", at: 1, shortBytes: 0 });

    expect(await unavailableReason(log.append(change(1)))).toContain("the disk is full");
  });
});

describe("a file that somebody else touches", () => {
  const changes: readonly (readonly [
    string,
    (bench: ReturnType<typeof logBench>) => Promise<void> | void,
    string,
  ])[] = [
    ["removed", (bench) => bench.files.remove(SEGMENT), "a file of the log was removed"],
    [
      "moved away",
      (bench) => bench.files.rename(SEGMENT, "/state/elsewhere"),
      "a file of the log was removed",
    ],
    [
      "replaced",
      async (bench) => {
        const bytes = bench.files.get(SEGMENT);
        await bench.files.remove(SEGMENT);
        bench.files.put(SEGMENT, bytes);
      },
      "a file of the log was replaced",
    ],
    [
      "truncated",
      (bench) => bench.files.put(SEGMENT, bench.files.get(SEGMENT).slice(0, -1)),
      "was changed by somebody else",
    ],
    [
      "longer",
      (bench) => bench.files.put(SEGMENT, Uint8Array.of(...bench.files.get(SEGMENT), 10)),
      "was changed by somebody else",
    ],
  ];
  for (const [name, make, reason] of changes) {
    test(`a segment that was ${name} is noticed before the next batch`, async () => {
      const bench = logBench();
      await using log = await bench.open();
      const writes = bench.files.calls("write");
      await make(bench);

      expect(await unavailableReason(log.append(change(1)))).toContain(reason);
      expect([log.state, bench.files.calls("write")]).toEqual(["failed", writes]);
    });
  }

  test("what happens right behind a batch is noticed by the next, before that is acknowledged", async () => {
    for (const [name, make, reason] of changes) {
      const bench = logBench();
      await using log = await bench.open();
      await log.append(change(1));
      await make(bench);

      expect([name, await unavailableReason(log.append(change(2)))]).toEqual([
        name,
        expect.stringContaining(reason),
      ]);
      expect(log.state).toBe("failed");
    }
  });

  test("a write that fails into such a file is not made good in a new segment, which would hide it", async () => {
    for (const [name, make, reason] of changes.slice(0, 4)) {
      const bench = logBench();
      await using log = await bench.open();
      await log.append(change(1));
      await make(bench);
      bench.files.fail({ operation: "write", at: 1, code: "EIO" });

      expect([name, await unavailableReason(log.append(change(2)))]).toEqual([
        name,
        expect.stringContaining(reason),
      ]);
      expect(log.state).toBe("failed");
    }
  });

  test("checkpoints that were removed are noticed before the next checkpoint", async () => {
    const bench = logBench();
    await using log = await bench.open();
    await bench.files.remove(`${DIRECTORY}/checkpoints`);

    expect(await unavailableReason(log.checkpoint())).toContain("a file of the log was removed");
    expect(log.state).toBe("failed");
  });
});

describe("a disk that does not answer", () => {
  test("fails the log after the deadline; nothing is written afterwards, and the directory stays locked until it answers", async () => {
    const bench = logBench();
    const log = await bench.open({ deadlineMs: 500 });
    let go: () => void = () => {};
    const until = new Promise<void>((resolve) => {
      go = resolve;
    });
    bench.files.fail({ operation: "dataSync", at: 1, until });
    const reasons = [unavailableReason(log.append(change(1))), unavailableReason(log.append(change(2)))];
    await settled();
    bench.clock.advance(499);
    await settled();
    expect(log.state).toBe("ready");
    bench.clock.advance(1);

    expect(await Promise.all(reasons)).toEqual(
      Array.from({ length: 2 }, () => expect.stringContaining("did not answer in time")),
    );
    expect(log.state).toBe("failed");
    const writes = bench.files.calls("write");
    const closing = log[Symbol.asyncDispose]();
    await settled();
    bench.clock.advance(500);
    await closing;
    expect(bench.lock.held.size).toBe(1);
    go();
    await settled();
    expect([bench.files.calls("write"), bench.lock.held.size, bench.timers.pending()]).toEqual([
      writes,
      0,
      0,
    ]);
  });

  test("a queue that is full refuses further events, and the log goes on", async () => {
    const bench = logBench();
    await using log = await bench.open({ queueMax: 2 });
    const reasons = await Promise.all([1, 2, 3].map((index) => unavailableReason(log.append(change(index)))));

    expect(reasons).toEqual(["resolved", "resolved", "queue full"]);
    expect(log.state).toBe("ready");
  });

  test("an event that is too long is refused alone", async () => {
    const bench = logBench();
    await using log = await bench.open();
    const reasons = Array.from({ length: 20 }, () => ({ rule: "r", reason: "x".repeat(1000) }));
    const long = auditEvent("PolicyViolation", { profile: "p", policy: "q", reasons, workerId: "w" });
    const [one, two, three] = await Promise.allSettled([
      log.append(change(1)),
      log.append(long),
      log.append(change(2)),
    ]);

    expect([one?.status, three?.status]).toEqual(["fulfilled", "fulfilled"]);
    expect(two).toMatchObject({ status: "rejected", reason: { code: "ERR_INPUT_INVALID" } });
    expect(linesOf(bench.files).map(({ seq }) => seq)).toEqual([0, 1, 2]);
  });
});

describe("identical refusals of seals", () => {
  test("the first is written at once, those of each further second as one record, answered when it is durable", async () => {
    const bench = logBench();
    await using log = await bench.open();
    const first = await log.append(refused("shard-1"));
    const rest = Array.from({ length: 9999 }, () => log.append(refused("shard-1")));
    const other = await log.append(refused("shard-2"));
    expect([first.seq, other.seq]).toEqual([1, 2]);
    bench.clock.advance(1000);

    expect(new Set((await Promise.all(rest)).map(({ seq }) => seq))).toEqual(new Set([3]));
    const counts = linesOf(bench.files).map(({ data }) => data["count"]);
    expect(counts).toEqual([undefined, 1, 1, 9999]);
    const later = log.append(refused("shard-1"));
    bench.clock.advance(1000);
    await later;
    bench.clock.advance(1000);
    expect((await log.append(refused("shard-1"))).seq).toBe(5);
  });

  test("what is critical, or was counted before, is never held back", async () => {
    const bench = logBench();
    await using log = await bench.open();
    const critical = auditEvent("SealVerificationFailed", {
      shardId: "s",
      reason: "content",
      count: 1,
      workerId: "w",
    });
    for (const event of [critical, critical, refused("s", 2), refused("s", 2)]) await log.append(event);

    expect(linesOf(bench.files)).toHaveLength(5);
  });

  test("closing writes what is counted, and a failure answers those who wait", async () => {
    const bench = logBench();
    const log = await bench.open();
    await log.append(refused("s"));
    const held = log.append(refused("s"));
    await log[Symbol.asyncDispose]();
    expect((await held).seq).toBe(2);
    expect(linesOf(bench.files).map(({ type }) => type)).toEqual([
      "LogOpened",
      "SealVerificationFailed",
      "SealVerificationFailed",
      "LogClosed",
    ]);

    await using again = await bench.open();
    await again.append(refused("s"));
    const lost = unavailableReason(again.append(refused("s")));
    bench.files.fail({ operation: "write", at: 1, code: "ENOSPC" });
    await unavailableReason(again.append(change(1)));
    expect(await lost).toContain("the disk is full");
  });
});

describe("checkpoints", () => {
  const signed = (bench: ReturnType<typeof logBench>): number =>
    parseCheckpoint(bench.files.get(`${DIRECTORY}/checkpoint`)).size;

  test("come a second after the first unsigned record, and every minute of silence", async () => {
    const bench = logBench();
    await using log = await bench.open();
    await log.append(change(1));
    bench.clock.advance(999);
    await settled();
    expect(signed(bench)).toBe(1);
    bench.clock.advance(1);
    await settled();
    expect(signed(bench)).toBe(2);
    const before = bench.files.get(`${DIRECTORY}/checkpoint`);
    bench.clock.advance(59_999);
    await settled();
    expect(bench.files.get(`${DIRECTORY}/checkpoint`)).toEqual(before);
    bench.clock.advance(1);
    await settled();
    const after = parseCheckpoint(bench.files.get(`${DIRECTORY}/checkpoint`));
    expect([after.size, after.time - parseCheckpoint(before).time]).toEqual([2, 60]);
  });

  test("come after 256 records, so that never more of them are unsigned", async () => {
    const bench = logBench();
    await using log = await bench.open();
    let most = 0;
    for (let index = 0; index < 600; index += 50) {
      await Promise.all(Array.from({ length: 50 }, () => log.append(change(index))));
      most = Math.max(most, linesOf(bench.files).length - signed(bench));
    }

    expect(most).toBeLessThanOrEqual(256);
    expect(signed(bench)).toBe(513);
  });

  test("come at once after a critical record, and by hand", async () => {
    const bench = logBench();
    await using log = await bench.open();
    await log.append(
      auditEvent("AuditGap", { count: 1, types: [], firstMono: "0", lastMono: "0", workerId: "w" }),
    );
    await settled();
    expect(signed(bench)).toBe(2);
    await log.append(change(1));
    const note = await log.checkpoint();
    expect(parseCheckpoint(note).size).toBe(3);
    expect(bench.files.get(`${DIRECTORY}/checkpoint`)).toEqual(note);
  });

  test("go to the anchor; when it takes none, that is on record once, and the log goes on", async () => {
    const bench = logBench();
    const anchor = testAnchor();
    await using log = await bench.open({ anchor });
    await settled();
    expect(parseCheckpoint(anchor.kept ?? new Uint8Array(0)).size).toBe(1);
    anchor.fails = true;
    for (let index = 0; index < 3; index += 1) {
      await log.checkpoint();
      await settled();
    }
    const reasons = linesOf(bench.files).map(({ data }) => data["reason"]);
    expect(reasons).toEqual([undefined, "the anchor takes no checkpoint"]);
    anchor.fails = false;
    const note = await log.checkpoint();
    await settled();
    expect(anchor.kept).toEqual(note);
  });
});

describe("segments", () => {
  test("rotate by size, each closed, signed and carried on with what a start needs", async () => {
    const bench = logBench();
    const log = await bench.open({ segmentBytes: 2000 });
    for (let index = 0; index < 10; index += 1) await log.append(change(index));
    const names = (await bench.files.list(DIRECTORY)).filter((name) => name.endsWith(".jsonl"));
    expect(names.length).toBeGreaterThan(1);
    const [opened, closed] = [
      linesOf(bench.files, Number(names[1]?.slice(0, 20)))[0],
      linesOf(bench.files).at(-1),
    ];
    expect(closed).toMatchObject({
      type: "SegmentClosed",
      data: { records: Number(names[1]?.slice(0, 20)) },
    });
    expect(opened).toMatchObject({
      type: "SegmentOpened",
      data: { live: [], segment: names[1]?.slice(0, 20) },
    });
    await log[Symbol.asyncDispose]();
    expect(await verified(bench.files, log)).toMatchObject({ verdict: "sound" });

    // A start needs the last one only.
    for (const name of names.slice(0, -1)) await bench.files.remove(`${DIRECTORY}/${name}`);
    await using again = await bench.open();
    expect(again.opened.found).toBe("clean");
    expect(await verified(bench.files, again, { allowPruned: true })).toMatchObject({ verdict: "sound" });
    expect(await verified(bench.files, again)).toMatchObject({ verdict: "tampered", bad: { rule: "start" } });
  });

  test("rotate with the day, but not when the clock goes back", async () => {
    const bench = logBench();
    await using log = await bench.open();
    bench.clock.jumpWall(-86_400_000);
    await log.append(change(1));
    expect((await bench.files.list(DIRECTORY)).filter((name) => name.endsWith(".jsonl"))).toHaveLength(1);
    bench.clock.jumpWall(2 * 86_400_000);
    await log.append(change(2));
    expect((await bench.files.list(DIRECTORY)).filter((name) => name.endsWith(".jsonl"))).toHaveLength(2);
  });

  test("a failure while a segment is closed begins the next one all the same", async () => {
    const bench = logBench();
    const log = await bench.open({ segmentBytes: 1 });
    bench.files.fail({ operation: "dataSync", at: 1, code: "EIO" });
    await log.append(change(1));
    expect(
      linesOf(bench.files, 1)
        .map(({ type }) => type)
        .slice(0, 2),
    ).toEqual(["AuditRecovered", "PolicyChanged"]);
    await log[Symbol.asyncDispose]();
    expect(await verified(bench.files, log)).toMatchObject({ verdict: "sound" });
  });
});
