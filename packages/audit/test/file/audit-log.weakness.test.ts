/**
 * The faults of journald's sealing and of the predecessor's audit crate ("AL"), each as a test on a log in its directory.
 */
import { describe, expect, test } from "bun:test";
import { AuditRoot, deriveVerifySecret, parseCheckpoint, VERDICT_EXIT } from "@vram-residency/audit/log";
import { merkleLeaf, toHex } from "@vram-residency/crypto";
import type { MemoryFileSystem } from "@vram-residency/testing";
import { hasCode } from "@vram-residency/types";
import { unavailableReason } from "../failure.ts";
import { DEPLOYMENT, ROOT } from "../log/fixtures.ts";
import { change, copyOf, DIRECTORY, linesOf, logBench, testAnchor, verified } from "./log-bench.ts";

const SEGMENT = `${DIRECTORY}/00000000000000000000.jsonl`;

/** A closed log of `records` records, the directory it had with half of them, and a checkpoint that was kept. */
async function closed(records: number) {
  const bench = logBench();
  const anchor = testAnchor();
  const log = await bench.open({ anchor });
  let half = await copyOf(bench.files);
  for (let index = 2; index < records; index += 1) {
    await log.append(change(index));
    if (index !== records >> 1) continue;
    await log.checkpoint();
    half = await copyOf(bench.files);
  }
  await log[Symbol.asyncDispose]();
  return { files: bench.files, log, half, kept: bench.files.get(`${DIRECTORY}/checkpoint`), anchor };
}

async function exitOf(
  files: MemoryFileSystem,
  log: Parameters<typeof verified>[1],
  more: Parameters<typeof verified>[2] = {},
): Promise<number> {
  return VERDICT_EXIT[(await verified(files, log, more)).verdict];
}

describe("journald", () => {
  test("CVE-2023-31438: a log that was truncated and then continued fails", async () => {
    const { files, log, half, kept, anchor } = await closed(12);
    const cut = await copyOf(files);
    cut.put(SEGMENT, half.get(SEGMENT));
    expect(await unavailableReason(logBench(cut, 2).open())).toContain("records are signed");

    // With every file put back, it is sound in itself: only what was kept elsewhere tells.
    expect(await unavailableReason(logBench(half, 3).open({ anchor }))).toContain("rolled back");
    const continued = await logBench(half, 3).open();
    for (let index = 0; index < 20; index += 1) await continued.append(change(100 + index));
    await continued[Symbol.asyncDispose]();
    expect(await exitOf(half, log)).toBe(0);
    expect(await verified(half, log, { against: kept })).toMatchObject({
      verdict: "tampered",
      bad: { rule: "against" },
    });
    expect(await unavailableReason(logBench(half, 4).open({ anchor }))).toContain(
      "not those that the anchor knows of",
    );
  });

  test("CVE-2023-31439: a log that was stripped of its seals and sealed anew with another key fails", async () => {
    const { files, log } = await closed(12);
    const forger = logBench(undefined, 8);
    const forged = await forger.open({ root: new AuditRoot(ROOT.map((byte) => byte ^ 5)) });
    for (let index = 2; index < 12; index += 1) await forged.append(change(index));
    await forged[Symbol.asyncDispose]();
    const mixed = await copyOf(files);
    for (const name of ["checkpoint", "checkpoints"]) {
      mixed.put(`${DIRECTORY}/${name}`, forger.files.get(`${DIRECTORY}/${name}`));
    }
    expect(await exitOf(mixed, log)).toBe(1);
    // The forger's log is sound on its own word, and not under the key that was pinned.
    expect(await exitOf(forger.files, forged, { secrets: [] })).toBe(0);
    expect(await exitOf(forger.files, log, { secrets: [] })).toBe(1);
  });

  test("#15425: a log without any seal does not pass", async () => {
    const { files, log } = await closed(12);
    for (const name of ["checkpoint", "checkpoints"]) await files.remove(`${DIRECTORY}/${name}`);
    expect(await exitOf(files, log)).toBe(12);
    files.put(`${DIRECTORY}/checkpoint`, new Uint8Array(0));
    expect(await exitOf(files, log)).toBe(1);
  });

  test("#11524: the wrong key fails every time, public or secret", async () => {
    const { files, log } = await closed(12);
    for (let index = 1; index <= 20; index += 1) {
      const root = new AuditRoot(ROOT.map((byte) => byte ^ index));
      expect(await exitOf(files, log, { publicKey: new Uint8Array(32).fill(index) })).toBe(1);
      expect(await exitOf(files, log, { secrets: [deriveVerifySecret(root, log.log, DEPLOYMENT)] })).toBe(1);
      const error: unknown = await logBench(files, index)
        .open({ root })
        .catch((cause: unknown) => cause);
      expect(hasCode(error, "ERR_CONFIG_INVALID")).toBe(true);
    }
  });

  test("#35595: a copy elsewhere is as sealed as the log, and shows the same changes", async () => {
    const { files, log } = await closed(12);
    const copy = await copyOf(files);
    expect(await verified(copy, log)).toEqual(await verified(files, log));
    const bytes = copy.get(SEGMENT);
    bytes[500] = (bytes[500] ?? 0) ^ 1;
    copy.put(SEGMENT, bytes);
    expect(await exitOf(copy, log)).toBe(1);
  });

  test("#26999: every bit of a small log that is flipped is noticed, with keys and without", async () => {
    const { files, log } = await closed(3);
    const whole = files.get(SEGMENT);
    expect(linesOf(files)).toHaveLength(3);
    for (let at = 0; at < whole.length; at += 1) {
      const changed = whole.slice();
      changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8));
      files.put(SEGMENT, changed);
      const expected = at === whole.length - 1 ? 10 : 1;
      expect([at, await exitOf(files, log)]).toEqual([at, expected]);
      if (at % 3 === 0) expect([at, await exitOf(files, log, { secrets: [] })]).toEqual([at, expected]);
    }
  });
});

describe("AL", () => {
  test("chain: a file that somebody rebuilt with right hashes fails, and so do a cut tail and another genesis", async () => {
    const { files, log } = await closed(12);
    const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
    const lines = decode(files.get(SEGMENT)).split("\n").slice(0, -1);
    let prev = "";
    const rebuilt = lines.map((line, index) => {
      const changed =
        index < 4
          ? line
          : line.replace(/"prev":"[0-9a-f]{64}"/, `"prev":"${prev}"`).replace("from 5", "from X");
      prev = toHex(merkleLeaf(new TextEncoder().encode(changed)));
      return changed;
    });
    const forged = await copyOf(files);
    forged.put(SEGMENT, new TextEncoder().encode(`${rebuilt.join("\n")}\n`));
    expect(await verified(forged, log)).toMatchObject({
      verdict: "tampered",
      bad: { seq: 4, rule: "mac" },
    });
    expect(await exitOf(forged, log, { secrets: [] })).toBe(1);

    const short = await copyOf(files);
    short.put(SEGMENT, new TextEncoder().encode(`${lines.slice(0, -1).join("\n")}\n`));
    expect(await exitOf(short, log)).toBe(10);
    const headless = await copyOf(files);
    headless.put(SEGMENT, new TextEncoder().encode(`${lines.slice(1).join("\n")}\n`));
    expect(await exitOf(headless, log)).toBe(1);
  });

  test("chain: the link across files is checked, and a file that is missing in the middle is noticed", async () => {
    const bench = logBench();
    const log = await bench.open({ segmentBytes: 1500 });
    for (let index = 0; index < 12; index += 1) await log.append(change(index));
    await log[Symbol.asyncDispose]();
    const names = (await bench.files.list(DIRECTORY)).filter((name) => name.endsWith(".jsonl"));
    expect(names.length).toBeGreaterThan(3);
    await bench.files.remove(`${DIRECTORY}/${names[1]}`);
    expect(await verified(bench.files, log)).toMatchObject({
      verdict: "tampered",
      bad: { seq: Number(names[1]?.slice(0, 20)), rule: "segment" },
    });
  });

  test("restart: the chain and the numbers go on where they ended, under a new epoch", async () => {
    const bench = logBench();
    const epochs: string[] = [];
    for (let start = 0; start < 3; start += 1) {
      await using log = await bench.open();
      epochs.push(log.epoch);
      await log.append(change(start));
    }
    const lines = linesOf(bench.files);
    const bytes = new TextDecoder().decode(bench.files.get(SEGMENT)).split("\n");
    expect(new Set(epochs).size).toBe(3);
    expect(lines.map(({ seq }) => seq)).toEqual(Array.from({ length: 9 }, (_, index) => index));
    for (const [index, { prev }] of lines.entries()) {
      const expected =
        index === 0 ? "0".repeat(64) : toHex(merkleLeaf(new TextEncoder().encode(bytes[index - 1])));
      expect(prev).toBe(expected);
    }
  });

  test("durability: nothing is acknowledged that is not synced, directory included, nor dropped in silence", async () => {
    const { files, open } = logBench();
    const log = await open();
    // What a power loss leaves when it takes everything that was not synced.
    const kept = (): MemoryFileSystem => files.crash(() => 0);
    for (let index = 1; index < 20; index += 1) {
      const { seq } = await log.append(change(index));
      expect(linesOf(kept())).toHaveLength(seq + 1);
    }
    files.fail({ operation: "write", at: 1, code: "ENOSPC" });
    const results = await Promise.all([1, 2, 3].map((index) => unavailableReason(log.append(change(index)))));
    expect(results.every((reason) => reason.includes("the disk is full"))).toBe(true);
    expect(log.state).toBe("failed");
  });

  test("durability: directory and files are their owner's alone, and two writers never mix", async () => {
    const { files, open } = logBench();
    await using log = await open();
    expect((await files.stat(DIRECTORY)).mode).toBe(0o700);
    for (const name of await files.list(DIRECTORY)) {
      expect([name, (await files.stat(`${DIRECTORY}/${name}`)).mode]).toEqual([name, 0o600]);
    }
    const error: unknown = await open().catch((cause: unknown) => cause);
    expect(hasCode(error, "ERR_STATE")).toBe(true);
    expect((await log.append(change(1))).seq).toBe(1);
  });

  test("durability: closing waits for what was appended and no longer, and leaves nothing unsigned", async () => {
    const { files, open, timers } = logBench();
    const log = await open();
    const appended = Promise.all([1, 2, 3].map((index) => log.append(change(index))));
    await log[Symbol.asyncDispose]();
    expect((await appended).map(({ seq }) => seq)).toEqual([1, 2, 3]);
    expect(linesOf(files).at(-1)).toMatchObject({ seq: 4, type: "LogClosed", data: { records: 5 } });
    expect(parseCheckpoint(files.get(`${DIRECTORY}/checkpoint`)).size).toBe(5);
    expect(timers.pending()).toBe(0);
    expect(await unavailableReason(log.append(change(4)))).toBe("closed");
  });
});
