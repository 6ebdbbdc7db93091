import { describe, expect, test } from "bun:test";
import { auditEvent } from "@vram-residency/audit";
import type { AuditLog } from "@vram-residency/audit/file";
import { AuditRoot } from "@vram-residency/audit/log";
import { type MemoryFileSystem, memoryFileSystem } from "@vram-residency/testing";
import { hasCode, isVramError } from "@vram-residency/types";
import { unavailableReason } from "../failure.ts";
import { ROOT } from "../log/fixtures.ts";
import { change, copyOf, DIRECTORY, linesOf, logBench, sealed, testAnchor, verified } from "./log-bench.ts";

const SEGMENT = `${DIRECTORY}/00000000000000000000.jsonl`;

/** A log whose process died: `records` lines behind the first, none of them signed unless `sign`. */
async function abandoned(records: number, sign = false): Promise<MemoryFileSystem> {
  const bench = logBench();
  const log = await bench.open();
  for (let index = 0; index < records; index += 1) await log.append(change(index));
  if (sign) await log.checkpoint();
  return await copyOf(bench.files);
}

/** Changes a digit of a record's clock. @returns Where the record starts. */
function forge(files: MemoryFileSystem, seq: number): number {
  const start = lengthsOf(files)[seq - 1] ?? 0;
  const bytes = files.get(SEGMENT).slice();
  const at = start + Buffer.from(bytes.subarray(start)).indexOf('"mono":"') + '"mono":"'.length;
  bytes[at] = bytes[at] === 0x31 ? 0x32 : 0x31;
  files.put(SEGMENT, bytes);
  return start;
}

/** Opens what a crash left, with a lock and a clock of its own. */
function reopened(files: MemoryFileSystem, seed = 7): Promise<AuditLog> {
  return logBench(files, seed).open();
}

function typesOf(files: MemoryFileSystem, firstSeq = 0): readonly string[] {
  return linesOf(files, firstSeq).map(({ type }) => type);
}

function lengthsOf(files: MemoryFileSystem): readonly number[] {
  const ends: number[] = [];
  for (const [at, byte] of files.get(SEGMENT).entries()) if (byte === 10) ends.push(at + 1);
  return ends;
}

describe("a torn tail", () => {
  test("of any length in the last three records is cut, kept aside and recorded; twice is once", async () => {
    const files = await abandoned(5);
    const whole = files.get(SEGMENT);
    const ends = lengthsOf(files);
    const from = ends.at(-4) ?? 0;
    for (let bytes = from; bytes <= whole.length; bytes += 1) {
      const cut = await copyOf(files);
      cut.put(SEGMENT, whole.slice(0, bytes));
      const keepBytes = ends.filter((end) => end <= bytes).at(-1) ?? 0;
      const records = ends.filter((end) => end <= bytes).length;
      const twice = await copyOf(cut);

      const log = await reopened(cut);
      const torn = bytes - keepBytes;
      expect(log.opened).toEqual({
        found: "unclean",
        records,
        signed: 1,
        previousEpoch: linesOf(files)[0]?.epoch ?? "",
        recovered: torn > 0,
        suspect: false,
        lostSeals: 0,
        abandonedBytes: torn,
      });
      const name = `torn-00000000000000000000-${keepBytes}-0`;
      expect((await cut.list(DIRECTORY)).includes(name)).toBe(torn > 0);
      if (torn > 0) expect(cut.get(`${DIRECTORY}/${name}`)).toEqual(whole.slice(keepBytes, bytes));
      if (bytes % 9 === 0)
        expect(await verified(cut, log)).toMatchObject({
          verdict: "sound",
          records: log.opened.records + (torn > 0 ? 2 : 1),
        });

      // The process dies after the cut, before it is recorded.
      if (bytes % 37 !== 0 || torn === 0) continue;
      twice.put(SEGMENT, whole.slice(0, keepBytes));
      twice.put(`${DIRECTORY}/${name}`, whole.slice(keepBytes, bytes));
      const again = await reopened(twice);
      expect(again.opened).toEqual(log.opened);
      expect(twice.get(SEGMENT)).toEqual(cut.get(SEGMENT));
    }
  }, 60_000);

  test("that was put aside when the process died, and not yet cut, is not put aside twice", async () => {
    const files = await abandoned(2);
    const whole = files.get(SEGMENT);
    const keepBytes = lengthsOf(files).at(-2) ?? 0;
    const name = `torn-00000000000000000000-${keepBytes}-0`;
    files.put(SEGMENT, whole.slice(0, -5));
    files.put(`${DIRECTORY}/${name}`, whole.slice(keepBytes, -5));
    await using _ = await reopened(files);

    expect((await files.list(DIRECTORY)).filter((one) => one.startsWith("torn-"))).toEqual([name]);
  });

  test("is put aside beside what was cut off at the same place before, and both are recorded", async () => {
    const files = await abandoned(2);
    const whole = files.get(SEGMENT);
    const keepBytes = lengthsOf(files).at(-2) ?? 0;
    files.put(SEGMENT, whole.slice(0, keepBytes + 9));
    files.put(`${DIRECTORY}/torn-00000000000000000000-${keepBytes}-0`, whole.slice(keepBytes, keepBytes + 5));
    await using log = await reopened(files);

    expect(log.opened.abandonedBytes).toBe(14);
    const recovered = linesOf(files).find(({ type }) => type === "AuditRecovered");
    expect(recovered?.data).toMatchObject({ lastSeq: 1, suspect: false, tornBytes: 14 });
    expect(recovered?.data["torn"]).toHaveLength(2);
  });

  test("with good records behind the bad one, as when pages arrive out of order, is suspect and not tampering", async () => {
    const files = await abandoned(4);
    const bytes = files.get(SEGMENT);
    const [, second = 0, third = 0] = lengthsOf(files);
    bytes.fill(0, second, third - 100);
    files.put(SEGMENT, bytes);
    await using log = await reopened(files);

    expect(log.opened).toMatchObject({ records: 2, recovered: true, suspect: true });
    const recovered = linesOf(files).find(({ type }) => type === "AuditRecovered");
    expect(recovered).toMatchObject({ severity: "critical", data: { lastSeq: 1, suspect: true } });
    expect(await verified(files, log)).toMatchObject({ verdict: "sound" });
  });

  test("is recorded once: the next opening says nothing of it", async () => {
    const files = await abandoned(2);
    files.put(SEGMENT, files.get(SEGMENT).slice(0, -1));
    await reopened(files);
    await using log = await reopened(await copyOf(files), 8);

    expect(log.opened).toMatchObject({ found: "unclean", recovered: false, abandonedBytes: 0 });
  });

  test("below the newest checkpoint is tampering: refused, with the record and the byte, and nothing is changed", async () => {
    const files = await abandoned(5, true);
    const ends = lengthsOf(files);
    const whole = files.get(SEGMENT);
    for (const bytes of [whole.length - 1, ends.at(-3) ?? 0, 10]) {
      const cut = await copyOf(files);
      cut.put(SEGMENT, whole.slice(0, bytes));
      const before = await cut.list(DIRECTORY);

      expect(await unavailableReason(reopened(cut))).toMatch(/^tampered: /);
      expect(await cut.list(DIRECTORY)).toEqual(before);
      expect(cut.get(SEGMENT)).toEqual(whole.slice(0, bytes));
    }
    const flipped = await copyOf(files);
    const bytes = whole.slice();
    bytes[(ends[2] ?? 0) + 300] = (bytes[(ends[2] ?? 0) + 300] ?? 0) ^ 1;
    flipped.put(SEGMENT, bytes);
    expect(await unavailableReason(reopened(flipped))).toMatch(
      new RegExp(`^tampered: rule "[a-z-]+" at record 3, byte ${ends[2]} of 0{20}\\.jsonl`),
    );
  });

  test("below the newest checkpoint names the record whose MAC is wrong, not the next one", async () => {
    const files = await abandoned(5, true);
    const start = forge(files, 3);

    expect(await unavailableReason(reopened(files))).toStartWith(
      `tampered: rule "mac" at record 3, byte ${start} of`,
    );
  });

  test("begins with the first record behind the newest checkpoint whose MAC is wrong", async () => {
    const files = await abandoned(3);
    forge(files, 3);
    await using log = await reopened(files);

    expect(log.opened).toMatchObject({ found: "unclean", records: 3, recovered: true, suspect: true });
  });
});

describe("an end that was not clean", () => {
  test("is on record, with one VramLost for each seal that nothing closed", async () => {
    const bench = logBench();
    const log = await bench.open();
    for (const id of ["one", "two", "three", "four", "five"]) await log.append(sealed(id));
    await log.append(sealed("one", { sealId: "newer" }));
    const facts = { gpuDevice: 0, usedBytes: 0, freedBytes: 0, madeWritable: false, workerId: "worker" };
    await log.append(
      auditEvent("VramDeallocated", { shardId: "two", reason: "released", wiped: true, ...facts }),
    );
    await log.append(
      auditEvent("VramLost", {
        shardId: "three",
        gpuDevice: 0,
        reason: "device-lost",
        wiped: "unknown",
        workerId: "w",
      }),
    );
    await log.append(auditEvent("ShardSuspended", { shardId: "four", gpuDevice: 0, deviceUuid: "GPU-1" }));
    const files = await copyOf(bench.files);
    const again = await reopened(files);

    expect(again.opened).toMatchObject({ found: "unclean", lostSeals: 2, previousEpoch: log.epoch });
    const lines = linesOf(files).slice(-3);
    expect(lines.map(({ type }) => type)).toEqual(["LogOpened", "VramLost", "VramLost"]);
    expect(lines[0]?.data["previous"]).toEqual({ epoch: log.epoch, clean: false, liveSeals: 2 });
    expect(lines[1]?.data).toEqual({
      shardId: "one",
      sealId: "newer",
      gpuDevice: 0,
      workerId: "worker",
      reason: "process-ended",
      wiped: "unknown",
    });
    expect(lines[2]?.data["shardId"]).toBe("five");
    const third = await reopened(await copyOf(files), 9);
    expect(third.opened.lostSeals).toBe(0);
  });

  test("in the middle of the VramLost records leaves those that are missing to the next opening", async () => {
    const bench = logBench();
    const log = await bench.open();
    for (let index = 0; index < 5; index += 1) await log.append(sealed(`shard-${index}`));
    const files = await copyOf(bench.files);
    const before = files.get(SEGMENT).length;
    await reopened(files);
    const ends = lengthsOf(files).filter((end) => end > before);
    expect(ends).toHaveLength(6);
    for (const [index, end] of ends.entries()) {
      const dead = await copyOf(bench.files);
      dead.put(SEGMENT, files.get(SEGMENT).slice(0, end));
      await using again = await reopened(dead, 9);

      expect([index, again.opened.lostSeals]).toEqual([index, 5 - index]);
      expect(typesOf(dead).filter((type) => type === "VramLost")).toHaveLength(5);
    }
  });

  test("many segments later still closes every seal, however many there are", async () => {
    for (const seals of [3, 200]) {
      const bench = logBench();
      const log = await bench.open({ segmentBytes: 15_000 });
      for (let index = 0; index < seals; index += 1) await log.append(sealed(`shard-${index}`));
      for (let index = 0; index < 200; index += 1) await log.append(change(index));
      const names = (await bench.files.list(DIRECTORY)).filter((name) => name.endsWith(".jsonl"));
      expect(names.length).toBeGreaterThan(2);
      const live = linesOf(bench.files, Number(names.at(-1)?.slice(0, 20)))[0]?.data["live"];
      expect(Array.isArray(live)).toBe(seals === 3);
      await using again = await reopened(await copyOf(bench.files));

      expect(again.opened.lostSeals).toBe(seals);
    }
  });

  test("LogClosed makes it clean, and bytes behind it do not", async () => {
    const bench = logBench();
    const log = await bench.open();
    await log[Symbol.asyncDispose]();
    const files = await copyOf(bench.files);
    files.put(SEGMENT, Uint8Array.of(...files.get(SEGMENT), 1, 2));
    await using clean = await reopened(bench.files);
    await using unclean = await reopened(files);

    expect([clean.opened.found, unclean.opened.found]).toEqual(["clean", "unclean"]);
    expect(linesOf(bench.files).at(-1)?.data["previous"]).toEqual({
      epoch: log.epoch,
      clean: true,
      liveSeals: 0,
    });
  });
});

describe("a log whose first checkpoint never came", () => {
  async function unsealed(records: number): Promise<MemoryFileSystem> {
    const bench = logBench();
    const log = await bench.open();
    for (let done = 1; done < records; done += 50) {
      await Promise.all(
        Array.from({ length: Math.min(50, records - done) }, (_, index) => log.append(change(index))),
      );
    }
    const files = await copyOf(bench.files);
    for (const name of ["checkpoint", "checkpoints"]) await files.remove(`${DIRECTORY}/${name}`);
    return files;
  }

  test("opens with fewer than 256 records, and is signed then", async () => {
    for (const records of [1, 255]) {
      const files = await unsealed(records);
      await using log = await reopened(files);
      expect(log.opened).toMatchObject({ records, signed: 0 });
      expect(await verified(files, log)).toMatchObject({ verdict: "sound", signed: records + 1 });
    }
    expect(await unavailableReason(reopened(await unsealed(256)))).toContain(
      "256 records follow the newest checkpoint",
    );
  });

  test("opens with the first one torn, or not yet in its place", async () => {
    const files = await abandoned(0);
    const note = files.get(`${DIRECTORY}/checkpoint`);
    for (let bytes = 0; bytes <= note.length; bytes += bytes < note.length - 12 ? 11 : 1) {
      const torn = await copyOf(files);
      await torn.remove(`${DIRECTORY}/checkpoint`);
      torn.put(`${DIRECTORY}/checkpoints`, note.slice(0, bytes));
      const log = await reopened(torn);
      expect([bytes, log.opened.signed]).toEqual([bytes, bytes === note.length ? 1 : 0]);
      expect(await verified(torn, log)).toMatchObject({ verdict: "sound" });
    }
  });
});

describe("checkpoints that do not fit", () => {
  async function withNotes(count: number): Promise<MemoryFileSystem> {
    const bench = logBench();
    const log = await bench.open();
    for (let index = 0; index < count; index += 1) {
      await log.append(change(index));
      await log.checkpoint();
    }
    return await copyOf(bench.files);
  }

  test("a torn last one is cut off, at any byte", async () => {
    const files = await withNotes(20);
    const notes = files.get(`${DIRECTORY}/checkpoints`);
    for (let bytes = 1; bytes < 400; bytes += 13) {
      const torn = await copyOf(files);
      torn.put(`${DIRECTORY}/checkpoints`, Uint8Array.of(...notes, ...notes.subarray(0, bytes)));
      const log = await reopened(torn);
      expect(log.opened.signed).toBe(21);
      expect(await verified(torn, log)).toMatchObject({ verdict: "sound" });
    }
  });

  test("the newest one that did not get to its own file gets there", async () => {
    const files = await withNotes(3);
    const notes = new TextDecoder().decode(files.get(`${DIRECTORY}/checkpoints`)).split(/(?<=\n)(?=vram)/);
    files.put(`${DIRECTORY}/checkpoint`, new TextEncoder().encode(notes.at(-2)));
    const log = await reopened(files);
    expect(log.opened.signed).toBe(4);
  });

  const changes: readonly (readonly [string, (files: MemoryFileSystem) => Promise<void> | void, string])[] = [
    ["checkpoint removed", (files) => files.remove(`${DIRECTORY}/checkpoint`), "checkpoint was removed"],
    [
      "checkpoints removed",
      (files) => files.remove(`${DIRECTORY}/checkpoints`),
      "checkpoint is not among checkpoints",
    ],
    [
      "the end of checkpoints cut off",
      (files) => files.put(`${DIRECTORY}/checkpoints`, files.get(`${DIRECTORY}/checkpoints`).slice(0, 1300)),
      "checkpoint is not among checkpoints",
    ],
    [
      "a bit flipped in checkpoint",
      (files) => {
        const bytes = files.get(`${DIRECTORY}/checkpoint`);
        bytes[70] = (bytes[70] ?? 0) ^ 1;
        files.put(`${DIRECTORY}/checkpoint`, bytes);
      },
      "checkpoint is not among checkpoints",
    ],
    [
      "another key in log.pub",
      (files) => files.put(`${DIRECTORY}/log.pub`, new Uint8Array(9)),
      "log.pub does not hold",
    ],
    ["the segment removed", (files) => files.remove(SEGMENT), "every segment was removed"],
  ];
  for (const [name, make, reason] of changes) {
    test(`${name}: refused`, async () => {
      const files = await withNotes(5);
      await make(files);
      expect(await unavailableReason(reopened(files))).toContain(reason);
    });
  }

  test("records of another history, whose MACs hold, are not those that were signed", async () => {
    const [one, two] = [logBench(), logBench()];
    for (const [index, bench] of [one, two].entries()) {
      await using log = await bench.open();
      await log.append(change(index));
    }
    one.files.put(SEGMENT, two.files.get(SEGMENT));

    expect(await unavailableReason(one.open())).toContain("are not those that were signed");
  });
});

describe("an anchor", () => {
  test("refuses a directory that was put back to an earlier, sound state", async () => {
    const bench = logBench();
    const anchor = testAnchor();
    const first = await bench.open({ anchor });
    await first[Symbol.asyncDispose]();
    const older = await copyOf(bench.files);
    const second = await bench.open({ anchor });
    await second.append(change(1));
    await second[Symbol.asyncDispose]();

    await using _ = await logBench(bench.files, 5).open({ anchor: { ...anchor, write: async () => {} } });
    expect(await unavailableReason(logBench(older, 6).open({ anchor }))).toContain("rolled back");
    expect((await logBench(older, 6).open()).opened.found).toBe("clean");
    expect(await unavailableReason(logBench(memoryFileSystem(), 6).open({ anchor }))).toContain(
      "the anchor knows of a log that is not there",
    );
  });

  test("of another history of the same length is noticed", async () => {
    const [one, two] = [logBench(), logBench()];
    const anchor = testAnchor();
    const [first, second] = [await one.open({ anchor }), await two.open()];
    expect(first.log).toBe(second.log);
    await first.append(change(1));
    await second.append(change(2));
    await first[Symbol.asyncDispose]();
    await second[Symbol.asyncDispose]();

    expect(await unavailableReason(two.open({ anchor }))).toContain("are not those that the anchor knows of");
    anchor.kept = new Uint8Array(3);
    expect(await unavailableReason(two.open({ anchor }))).toContain("the anchor holds no checkpoint");
  });
});

describe("who may open", () => {
  test("one writer at a time: the second is refused, and the first goes on", async () => {
    const bench = logBench();
    await using log = await bench.open();
    const error: unknown = await bench.open().catch((cause: unknown) => cause);

    expect(hasCode(error, "ERR_STATE")).toBe(true);
    expect((await log.append(change(1))).seq).toBe(1);
  });

  test("another root is refused as such, and nothing is changed", async () => {
    const bench = logBench();
    await (await bench.open())[Symbol.asyncDispose]();
    const before = bench.files.get(SEGMENT);
    for (const more of [{ root: new AuditRoot(ROOT.map((byte) => byte ^ 1)) }, { deployment: "other" }]) {
      const error: unknown = await bench.open(more).catch((cause: unknown) => cause);
      expect(isVramError(error) ? error.message : "").toMatch(
        /^ERR_CONFIG_INVALID: root: the log was written under another/,
      );
    }
    expect(bench.files.get(SEGMENT)).toEqual(before);
    expect(bench.lock.held.size).toBe(0);
  });
});
