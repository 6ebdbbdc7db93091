import { expect, test } from "bun:test";
import type { AuditLog } from "@vram-residency/audit/file";
import {
  type CrashChoice,
  type FileFault,
  type MemoryFileSystem,
  memoryFileSystem,
  seededRandom,
} from "@vram-residency/testing";
import { type AuditReceipt, isVramError } from "@vram-residency/types";
import { change, logBench, sealed, verified } from "./log-bench.ts";

/** Answers by chance; all lost for 0, nothing for 1. */
function choices(seed: number): CrashChoice {
  if (seed === 0) return () => 0;
  if (seed === 1) return ({ options }) => options - 1;
  const random = seededRandom(seed);
  return ({ options }) => {
    const [low = 0, high = 0] = random.bytes(2);
    return (low + 256 * high) % options;
  };
}

function emptyDisk(): MemoryFileSystem {
  const files = memoryFileSystem();
  files.put("/state/other", new Uint8Array(1));
  return files;
}

/** Opens, records, rotates, and closes. */
async function session(
  files: MemoryFileSystem,
  seed: number,
  take: (receipt: AuditReceipt) => void,
): Promise<AuditLog> {
  const bench = logBench(files, seed);
  const log = await bench.open({ segmentBytes: 3000 });
  for (let index = 0; index < 5; index += 1) {
    const events = [sealed(`shard-${index % 2}`), change(index), change(-index)];
    await Promise.all(events.map((event) => log.append(event).then(take, () => {})));
    if (index === 2) bench.clock.advance(1000);
  }
  await log[Symbol.asyncDispose]();
  return log;
}

/** Runs until it is done, or the process dies. @returns What was acknowledged. */
async function untilHalt(files: MemoryFileSystem, seed: number): Promise<AuditReceipt[]> {
  const receipts: AuditReceipt[] = [];
  const take = (receipt: AuditReceipt): void => {
    receipts.push(receipt);
  };
  const done = session(files, seed, take).catch((error: unknown) => {
    if (!isVramError(error)) throw error;
  });
  await Promise.race([done, files.halted]);
  return receipts;
}

/** Opens what a crash left, and expects everything acknowledged in a sound log. */
async function expectSound(
  files: MemoryFileSystem,
  receipts: readonly AuditReceipt[],
  label: string,
): Promise<void> {
  let log: AuditLog;
  try {
    log = await logBench(files, 3).open();
  } catch (cause) {
    throw new Error(label, { cause });
  }
  const report = await verified(files, log);

  expect([label, report.verdict, report.bad]).toEqual([label, "sound", undefined]);
  for (const receipt of receipts) {
    expect([label, receipt.log, receipt.seq < log.opened.records]).toEqual([label, log.log, true]);
  }
  await log[Symbol.asyncDispose]();
}

async function callsOf(run: (files: MemoryFileSystem) => Promise<unknown>): Promise<number> {
  const files = emptyDisk();
  await run(files);
  return files.calls("any");
}

test("a power loss at any call, and another while it is put right, loses nothing that was acknowledged", async () => {
  const calls = await callsOf((files) => untilHalt(files, 1));
  for (let at = 1; at <= calls; at += 1) {
    const files = emptyDisk();
    files.fail({ operation: "any", at, halt: at % 2 === 0 ? "before" : "after" });
    const receipts = await untilHalt(files, 1);
    for (const seed of [at % 2, 2 + at]) {
      await expectSound(files.crash(choices(seed)), receipts, `call ${at}, ${seed}: ${files.fired().join()}`);
    }
    const again = files.crash(choices(1000 + at));
    again.fail({ operation: "any", at: 1 + (at % 60), halt: "after" });
    receipts.push(...(await untilHalt(again, 2)));
    await expectSound(again.crash(choices(5000 + at)), receipts, `twice, call ${at}`);
  }
});

test("a call that fails loses nothing that was acknowledged, whether the log goes on or not", async () => {
  const calls = await callsOf((files) => untilHalt(files, 1));
  const kinds: readonly Partial<FileFault>[] = [
    { code: "EIO" },
    { code: "EIO", effect: "all" },
    { code: "ENOSPC" },
    { code: "EINTR", effect: "dropped" },
  ];
  for (let at = 1; at <= calls; at += 1) {
    const kind = kinds[at % kinds.length] ?? {};
    const files = emptyDisk();
    files.fail({ operation: "any", at, code: "EIO", ...kind } as FileFault);
    const receipts = await untilHalt(files, 1);
    const label = `call ${at}: ${files.fired().join()}`;
    await expectSound(files.crash(choices(at % 2)), receipts, label);
    await expectSound(files.crash(choices(2 + at)), receipts, label);
  }
});
