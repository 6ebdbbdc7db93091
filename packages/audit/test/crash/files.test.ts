/** Files that fail, fill up, come short and lose what was not synced, in memory. */
import { beforeAll, describe, expect, test } from "bun:test";
import { type CrashChoice, crashChoices, memoryFileSystem } from "@vram-residency/testing";
import fc from "fast-check";
import { sealed } from "../file/log-bench.ts";
import { callsOf, FAULT_KINDS, KEPT, LOST, runWithFault } from "./campaign.ts";
import { appendAll, copyTold, DIRECTORY, judge, judgeCrashes, newTold, openLife, play } from "./session.ts";
import { batchWith, recoverTwice, tornBatch, tornFiles } from "./torn.ts";

/** The batch arrives in part: its length, its first page torn, its third page whole, and nothing else. */
function outOfOrder(): CrashChoice {
  const pages = [1, 0, 1];
  return ({ about, options }) => {
    if (about === "page") return pages.shift() ?? 0;
    return about === "tear" && pages.length === 2 ? Math.floor(options / 2) : options - 1;
  };
}

describe("nothing acknowledged is lost", () => {
  let calls = 0;

  beforeAll(async () => {
    calls = await callsOf();
  });

  test.each(FAULT_KINDS.map((kind, index) => [JSON.stringify(kind), kind, index] as const))(
    "when one file call of a run answers %s",
    async (_, kind, index) => {
      const faults: string[] = [];
      // Here each call meets one of the faults; in the long run each call meets each of them.
      for (let at = 1 + index; at <= calls; at += FAULT_KINDS.length) {
        const crash = [LOST, LOST, KEPT][at % 3] ?? LOST;
        const run = await runWithFault(
          { operation: "any", at, ...kind },
          { "then the power went": () => crash },
        );
        faults.push(...run.faults.map((fault) => `call ${at}, ${run.fired}: ${fault}`));
      }

      expect(faults).toEqual([]);
    },
  );

  test("when a sync of an opening fails, and the next process reads in the cache what the disk has not", async () => {
    let fired = 0;
    for (let at = 1; ; at += 1) {
      const files = memoryFileSystem();
      const told = newTold();
      const first = await openLife(files, 1, told);
      // So many that the records of their loss fill more than a page, which nothing written later touches.
      for (let shard = 0; shard < 20; shard += 1) await first.append(sealed(`shard-${shard}`));
      files.fail({ operation: "dataSync", at, code: "EIO", effect: "dropped" });
      await openLife(files, 2, told).catch(() => {});
      if (files.fired().length === 0) break;
      fired += 1;
      await appendAll(await openLife(files, 5, told), ["after"], told);

      expect([at, await judgeCrashes(files, told, { lost: () => LOST })]).toEqual([at, []]);
      expect([...told.records.values()]).toEqual(["after"]);
    }
    expect(fired).toBeGreaterThan(3);
  });

  test("when many writes move less than they were asked to", async () => {
    const files = memoryFileSystem();
    const told = newTold();
    for (let at = 1; at <= 20; at += 2) files.fail({ operation: "write", at, shortBytes: 100 + at });
    await play(files, told);

    expect(files.fired()).toHaveLength(10);
    expect(told.records.size).toBe(24);
    expect(await judgeCrashes(files, told, { lost: () => LOST })).toEqual([]);
  });

  test("when a write of a batch ends at any of its bytes", async () => {
    const { files } = await batchWith(undefined, 2);
    const bytes = files.get(`${DIRECTORY}/${"0".repeat(20)}.jsonl`).length;
    for (let shortBytes = 1; shortBytes < bytes / 2; shortBytes += 1) {
      const { told } = await batchWith({ operation: "write", at: 1, shortBytes }, 2);

      expect([...told.records.values()]).toEqual([
        "before",
        "record 0 of the batch",
        "record 1 of the batch",
      ]);
    }
  });
});

describe("a batch that the power went off under", () => {
  test("is cut off and put aside, and is suspect when whole records of it were there", async () => {
    const { files, told } = await tornBatch(outOfOrder());
    const { opened } = await openLife(files.crash(KEPT), 2, copyTold(told));

    expect(opened).toMatchObject({ found: "unclean", recovered: true, suspect: true });
    expect(await judge(files, told)).toBeUndefined();
    expect((await tornFiles(files)).map(({ length }) => length)).toEqual([opened.abandonedBytes]);
  });

  test("is recovered, however its pages were torn and out of order", async () => {
    await fc.assert(
      fc.asyncProperty(crashChoices(), async (choose) => {
        const { files, told } = await tornBatch(choose);

        expect(await judge(files, told)).toBeUndefined();
      }),
      { numRuns: 60 },
    );
  });

  test.each([
    ["nothing of it is lost", LOST],
    ["all of it is lost", KEPT],
  ] as const)(
    "is recovered once, though the recovery dies after each of its calls and %s",
    async (_, choose) => {
      const { files, told } = await tornBatch(outOfOrder());

      const { killed, faults } = await recoverTwice(files, told, choose);

      expect(faults).toEqual([]);
      expect(killed).toBeGreaterThan(40);
    },
  );
});
