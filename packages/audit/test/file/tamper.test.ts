/**
 * A log of 64 records, closed cleanly, in its directory: whatever is changed there is seen. Exit codes per file, for any one bit:
 * a segment 1, or 10 for the newline at its very end; `checkpoint` 1; `checkpoints` 1; `log.pub`, `torn-*` and `lock` 0, for the
 * verdict rests on none of them (opening refuses another `log.pub`).
 */
import { expect, test } from "bun:test";
import {
  AuditRoot,
  deriveCheckpointSeed,
  type LogReport,
  parseCheckpoint,
  signCheckpoint,
  VERDICT_EXIT,
  type VerifyOptions,
} from "@vram-residency/audit/log";
import { nodeEd25519 } from "@vram-residency/crypto/node";
import type { MemoryFileSystem } from "@vram-residency/testing";
import { unavailableReason } from "../failure.ts";
import { DEPLOYMENT, ROOT } from "../log/fixtures.ts";
import { change, copyOf, DIRECTORY, logBench, verified } from "./log-bench.ts";

/** Every bit of every byte with VRAM_EXHAUSTIVE, which takes minutes; else one bit of every 53rd byte of a segment. */
const EXHAUSTIVE: boolean = process.env["VRAM_EXHAUSTIVE"] !== undefined;
const SEGMENT = "00000000000000000000.jsonl";

const bench = logBench();
const LOG = await bench.open();
for (let index = 0; index < 62; index += 1) {
  await LOG.append(change(index));
  if (index % 16 === 0) await LOG.checkpoint();
}
await LOG[Symbol.asyncDispose]();
const FILES: MemoryFileSystem = bench.files;

function path(name: string): string {
  return `${DIRECTORY}/${name}`;
}

async function exitOf(files: MemoryFileSystem, more: Partial<VerifyOptions> = {}): Promise<number> {
  return VERDICT_EXIT[(await verified(files, LOG, more)).verdict];
}

function linesIn(files: MemoryFileSystem): readonly Uint8Array[] {
  const text = new TextDecoder().decode(files.get(path(SEGMENT)));
  return text.split(/(?<=\n)/).map((line) => new TextEncoder().encode(line));
}

async function withLines(lines: readonly Uint8Array[]): Promise<LogReport> {
  const files = await copyOf(FILES);
  files.put(path(SEGMENT), Buffer.concat(lines));
  return await verified(files, LOG);
}

test("the log is sound, and has 64 records", async () => {
  expect(await verified(FILES, LOG)).toMatchObject({
    verdict: "sound",
    trust: "pinned",
    records: 64,
    signed: 64,
    macs: "checked",
  });
});

test("any bit of any file is noticed that the verdict rests on", async () => {
  const expected: Record<string, number> = { [SEGMENT]: 1, checkpoint: 1, checkpoints: 1, "log.pub": 0 };
  expect(await FILES.list(DIRECTORY)).toEqual(Object.keys(expected).sort());
  for (const [name, exit] of Object.entries(expected)) {
    const files = await copyOf(FILES);
    const original = FILES.get(path(name));
    const step = EXHAUSTIVE ? 1 : name === SEGMENT ? 53 : 5;
    for (let at = 0; at < original.length; at += step) {
      for (let bit = EXHAUSTIVE ? 0 : at % 8; bit < (EXHAUSTIVE ? 8 : (at % 8) + 1); bit += 1) {
        const changed = original.slice();
        changed[at] = (changed[at] ?? 0) ^ (1 << bit);
        files.put(path(name), changed);
        const last = name === SEGMENT && at === original.length - 1;
        expect([name, at, bit, await exitOf(files)]).toEqual([name, at, bit, last ? 10 : exit]);
      }
    }
  }
}, 1_800_000);

test("any line that is deleted, swapped, duplicated or from another log is named", async () => {
  const lines = linesIn(FILES);
  const other = logBench(undefined, 9);
  const foreign = await other.open();
  for (let index = 0; index < 63; index += 1) await foreign.append(change(index));
  const strange = linesIn(other.files);
  for (const [at, line] of lines.entries()) {
    const next = lines[at + 1];
    const deleted = await withLines(lines.toSpliced(at, 1));
    expect([at, deleted.verdict]).toEqual([at, next === undefined ? "truncated" : "tampered"]);
    expect((await withLines(lines.toSpliced(at, 0, line))).bad).toMatchObject({ seq: at + 1, rule: "seq" });
    expect((await withLines(lines.with(at, strange[at] ?? line))).verdict).toBe("tampered");
    if (next) expect((await withLines(lines.toSpliced(at, 2, next, line))).bad?.seq).toBe(at);
  }
});

test("a log that was cut below any checkpoint that somebody kept is truncated, whatever the directory says", async () => {
  const notes = new TextDecoder().decode(FILES.get(path("checkpoints"))).split(/(?<=\n)(?=vram)/);
  const lines = linesIn(FILES);
  expect(notes.length).toBeGreaterThan(4);
  for (const [index, text] of notes.entries()) {
    const note = new TextEncoder().encode(text);
    const { size } = parseCheckpoint(note);
    const files = await copyOf(FILES);
    files.put(path(SEGMENT), Buffer.concat(lines.slice(0, size - 1)));
    expect(await exitOf(files)).toBe(10);
    // With the checkpoints put back to match, only the one that was kept tells.
    const earlier = notes
      .slice(0, index)
      .filter((one) => parseCheckpoint(new TextEncoder().encode(one)).size < size);
    if (earlier.length === 0) continue;
    const signed = parseCheckpoint(new TextEncoder().encode(earlier.at(-1))).size;
    files.put(path(SEGMENT), Buffer.concat(lines.slice(0, signed)));
    files.put(path("checkpoints"), new TextEncoder().encode(earlier.join("")));
    files.put(path("checkpoint"), new TextEncoder().encode(earlier.at(-1)));
    expect([await exitOf(files), await exitOf(files, { against: note })]).toEqual([0, 10]);
  }
});

test("checkpoints that were stripped, or signed again with another key, are noticed", async () => {
  const stripped = await copyOf(FILES);
  await stripped.remove(path("checkpoint"));
  expect(await exitOf(stripped)).toBe(12);
  await stripped.remove(path("checkpoints"));
  expect(await exitOf(stripped)).toBe(12);

  const again = await copyOf(FILES);
  const { log, size, root } = parseCheckpoint(FILES.get(path("checkpoint")));
  const seed = deriveCheckpointSeed(new AuditRoot(ROOT.map((byte) => byte ^ 9)), DEPLOYMENT);
  const note = signCheckpoint({ log, size, root }, seed, Date.UTC(2026, 0, 1), nodeEd25519);
  again.put(path("checkpoint"), note);
  again.put(path("checkpoints"), note);
  expect(await exitOf(again)).toBe(1);
  expect(await unavailableReason(logBench(again, 4).open())).toContain("does not hold under the log's key");
});

test("a log that was never sealed is said to be that, and not to be sound", async () => {
  const files = await copyOf(FILES);
  await files.remove(path("checkpoint"));
  await files.remove(path("checkpoints"));

  expect(await verified(files, LOG)).toMatchObject({ verdict: "not-sealed", signed: 0 });
});

test("an unsigned tail that is older than allowed is told", async () => {
  const { files, open } = logBench();
  const log = await open();
  await log.append(change(1));
  const now = Date.UTC(2026, 0, 1) + 90_001;

  expect((await verified(files, log)).verdict).toBe("sound");
  expect((await verified(files, log, { now })).verdict).toBe("unsigned-tail-old");
});

test("verifying beside a live writer finds it sound at every moment", async () => {
  const { files, open } = logBench();
  const log = await open({ segmentBytes: 3000 });
  const writing = (async () => {
    for (let index = 0; index < 200; index += 1) await log.append(change(index));
  })();
  let done = false;
  void writing.then(() => {
    done = true;
  });
  let looked = 0;
  while (!done) {
    const { verdict, bad } = await verified(files, log);
    expect([verdict, bad]).toEqual(["sound", undefined]);
    looked += 1;
  }
  expect(looked).toBeGreaterThan(3);
  await log[Symbol.asyncDispose]();
});
