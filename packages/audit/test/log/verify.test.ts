import { describe, expect, test } from "bun:test";
import { auditEvent } from "@vram-residency/audit";
import {
  AuditRoot,
  deriveMacKey,
  deriveVerifySecret,
  type LogReport,
  LogWriterState,
  logOpened,
  VERDICT_EXIT,
  verifyLog,
} from "@vram-residency/audit/log";
import { concatBytes, merkleLeaf, toHex } from "@vram-residency/crypto";
import { bare, change, DEPLOYMENT, LOG, ROOT, WALL } from "./fixtures.ts";
import { BASE, closedLog, type Files, keysOf, LogMaker, PINNED, verifyFiles, WITH_MACS } from "./make-log.ts";

const OTHER_ROOT = new AuditRoot(ROOT.map((byte) => byte ^ 0x55));
const CLOSED = closedLog(16);
const FILES = CLOSED.files();
const LINES: readonly Uint8Array[] = CLOSED.segments[0]?.lines ?? [];

const withLines = (lines: readonly Uint8Array[]): Files => ({
  ...FILES,
  segments: [{ firstSeq: 0, bytes: concatBytes(...lines) }],
});

async function badOf(
  files: Files,
  options = PINNED,
): Promise<readonly [number | undefined, string | undefined]> {
  const { verdict, bad } = await verifyFiles(files, options);
  expect(verdict).toBe("tampered");
  return [bad?.seq, bad?.rule];
}

async function verdictOf(files: Files, options = PINNED): Promise<LogReport["verdict"]> {
  return (await verifyFiles(files, options)).verdict;
}

describe("a sound log", () => {
  test("is sound in chunks of any size, by its own key, a pinned one, and with MACs", async () => {
    for (const chunk of [1, 7, 4096, 1 << 20]) {
      expect(await verifyFiles(FILES, WITH_MACS, chunk)).toEqual({
        verdict: "sound",
        trust: "pinned",
        log: LOG,
        firstSeq: 0,
        records: 16,
        signed: 16,
        macs: "checked",
        tornBytes: 0,
        abandonedBytes: 0,
      });
    }
    expect(await verifyFiles(FILES, BASE)).toMatchObject({ trust: "self-asserted", macs: "unchecked" });
  });

  test("is anchored by a checkpoint that was kept elsewhere", async () => {
    for (const against of CLOSED.notes) {
      expect(await verifyFiles(FILES, { ...BASE, against })).toMatchObject({
        verdict: "sound",
        trust: "anchored",
      });
    }
  });

  test("may have many segments, epochs and MAC keys", async () => {
    const maker = new LogMaker()
      .checkpoint()
      .changes(300)
      .checkpoint()
      .rotateSegment()
      .changes(300)
      .checkpoint();
    const epoch = "0e".repeat(16);
    const prev = toHex(merkleLeaf(bare(maker.segments.at(-1)?.lines.at(-1) ?? new Uint8Array(0))));
    const macKey = deriveMacKey(maker.root, epoch, DEPLOYMENT);
    maker.state = new LogWriterState({ log: LOG, epoch, macKey, tree: maker.state.tree, prev });
    maker.opening = keysOf(maker.root, LOG, epoch);
    maker.add(logOpened(maker.opening)).changes(260).rotateSegment().changes(3).checkpoint();

    expect(await verifyFiles(maker.files(), WITH_MACS)).toMatchObject({
      verdict: "sound",
      records: 867,
      signed: 867,
    });
    const pruned = { ...maker.files(), segments: maker.files().segments.slice(1) };
    expect(await verifyFiles(pruned, { ...WITH_MACS, allowPruned: true })).toMatchObject({
      verdict: "sound",
      firstSeq: 301,
      records: 867,
    });
    expect(await badOf(pruned)).toEqual([0, "start"]);
    const hole = { ...maker.files(), segments: maker.files().segments.filter((_, index) => index !== 1) };
    expect(await badOf(hole)).toEqual([301, "segment"]);
  });

  test("beside a live writer may end in part of a line, and its checkpoints may be ahead of what was read", async () => {
    const torn = withLines([...LINES, (LINES[3] ?? new Uint8Array(0)).subarray(0, 50)]);
    expect(await verifyFiles(torn)).toMatchObject({ verdict: "sound", tornBytes: 50 });

    const { notes } = closedLog(24);
    const ahead = { ...FILES, checkpoints: concatBytes(...notes) };
    expect(await verifyFiles(ahead)).toMatchObject({ verdict: "sound", records: 16, signed: 16 });
  });

  test("has an unsigned tail that must not be old", async () => {
    const files = closedLog(16).changes(2).files();
    const signedAt = WALL + 16_000;
    expect(await verifyFiles(files, { ...PINNED, now: signedAt + 90_000 })).toMatchObject({
      verdict: "sound",
      records: 18,
      signed: 16,
    });
    expect(await verdictOf(files, { ...PINNED, now: signedAt + 90_001 })).toBe("unsigned-tail-old");
    expect(await verdictOf(FILES, { ...PINNED, now: signedAt + 1e12 })).toBe("sound");
  });

  test("may have been cut back to what was acknowledged, when its next segment says so", async () => {
    const maker = closedLog(8);
    const [first] = maker.segments;
    const keepBytes = first?.lines.reduce((sum, { length }) => sum + length, 0) ?? 0;
    const lost = maker.state.fork().append(change(99), { wall: WALL, mono: 0n }).bytes;
    const recovered = { prevSegment: "0".repeat(20), keepBytes, lastSeq: 7, suspect: false };
    maker.segments.push({ firstSeq: 8, lines: [] });
    maker.add(auditEvent("AuditRecovered", recovered)).checkpoint();
    first?.lines.push(lost);
    const files = maker.files();
    const cutAt = (bytes?: number): Files => ({
      ...files,
      segments: files.segments.map((segment, index) =>
        index === 0 && bytes !== undefined ? { ...segment, keepBytes: bytes } : segment,
      ),
    });

    expect(await verifyFiles(cutAt(keepBytes))).toMatchObject({
      verdict: "sound",
      abandonedBytes: lost.length,
    });
    expect(await badOf(cutAt())).toEqual([8, "root"]);
    expect((await badOf(cutAt(keepBytes - 1)))[1]).toBe("recovery");
    expect((await badOf(cutAt(keepBytes + lost.length + 1)))[1]).toBe("root");
  });
});

describe("a change is seen", () => {
  test("when records are cut off though no record says so", async () => {
    const { segments, ...files } = closedLog(8).rotateSegment().checkpoint().files();
    const cut = segments.map((segment, index) =>
      index === 0 ? { ...segment, keepBytes: segment.bytes.length } : segment,
    );

    expect(await verdictOf({ ...files, segments })).toBe("sound");
    expect((await badOf({ ...files, segments: cut }))[1]).toBe("recovery");
    expect((await badOf({ ...files, segments: cut.slice(0, 1) }))[1]).toBe("recovery");
  });

  test("in any bit of a log of 16 lines, of its checkpoints or of its newest one", async () => {
    const [{ bytes } = { bytes: new Uint8Array(0) }] = FILES.segments;
    const { checkpoints, head = new Uint8Array(0) } = FILES;
    const seen: Record<string, number> = {};
    const flip = async (original: Uint8Array, make: (changed: Uint8Array) => Files): Promise<void> => {
      const changed = original.slice();
      for (let index = 0; index < original.length; index += 1) {
        const kept = original[index] ?? 0;
        for (let bit = 0; bit < 8; bit += 1) {
          changed[index] = kept ^ (1 << bit);
          const verdict = await verdictOf(make(changed), BASE);
          seen[verdict] = (seen[verdict] ?? 0) + 1;
        }
        changed[index] = kept;
      }
    };
    await flip(bytes, (changed) => ({ ...FILES, segments: [{ firstSeq: 0, bytes: changed }] }));
    // The last newline's eight bits leave 15 whole lines.
    expect(seen).toEqual({ tampered: 8 * (bytes.length - 1), truncated: 8 });
    await flip(checkpoints, (changed) => ({ ...FILES, checkpoints: changed }));
    await flip(head, (changed) => ({ ...FILES, head: changed }));
    expect(seen["sound"]).toBe(undefined);
    expect(seen["tampered"]).toBe(8 * (bytes.length - 1 + checkpoints.length + head.length));
  }, 60_000);

  test("when any line is deleted, swapped with the next, duplicated or spliced in from another log", async () => {
    const foreign = closedLog(16, "2d".repeat(16)).segments[0]?.lines ?? [];
    for (const [at, line] of LINES.entries()) {
      const next = LINES[at + 1];
      const last = next === undefined;
      expect(await verdictOf(withLines(LINES.toSpliced(at, 1)))).toBe(last ? "truncated" : "tampered");
      expect(await badOf(withLines(LINES.toSpliced(at, 0, line)))).toEqual([at + 1, "seq"]);
      expect((await badOf(withLines(LINES.with(at, foreign[at] ?? line))))[0]).toBe(at);
      if (next) expect((await badOf(withLines(LINES.toSpliced(at, 2, next, line))))[0]).toBe(at);
    }
  });

  test("when it is cut below a checkpoint, at any byte of its last three lines", async () => {
    const all = concatBytes(...LINES);
    const start = concatBytes(...LINES.slice(0, 13)).length;
    for (let length = start; length < all.length; length += 1) {
      expect(await verdictOf({ ...FILES, segments: [{ firstSeq: 0, bytes: all.subarray(0, length) }] })).toBe(
        "truncated",
      );
    }
    expect(await verdictOf({ ...FILES, segments: [] })).toBe("truncated");
  });

  test("when a later part is rewritten with a sound chain, and named from the last checkpoint on", async () => {
    const forged = new LogMaker();
    forged.changes(8).add(change(1000)).changes(6);
    const files = { ...FILES, segments: forged.files().segments };

    expect(await badOf(files)).toEqual([8, "root"]);
    expect((await verifyFiles(files)).bad?.offset).toBe(concatBytes(...LINES.slice(0, 8)).length);
  });

  test("when MACs are wrong though chain and tree hold, exactly where they are", async () => {
    const maker = new LogMaker();
    const wrong = deriveMacKey(OTHER_ROOT, maker.state.epoch, DEPLOYMENT);
    maker.changes(4);
    const prev = toHex(merkleLeaf(bare(maker.segments[0]?.lines.at(-1) ?? new Uint8Array(0))));
    const { log, epoch, tree } = maker.state;
    maker.state = new LogWriterState({ log, epoch, macKey: wrong, tree, prev });
    maker.changes(4).checkpoint();

    expect(await verdictOf(maker.files())).toBe("sound");
    expect(await badOf(maker.files(), WITH_MACS)).toEqual([5, "mac"]);
    const elsewhere = { ...PINNED, secrets: [deriveVerifySecret(OTHER_ROOT, LOG, DEPLOYMENT)] };
    expect(await badOf(FILES, elsewhere)).toEqual([0, "unknown-key"]);
  });

  test("when an older copy of everything is put back, by an anchor", async () => {
    const older = closedLog(8).files();
    const against = CLOSED.notes.at(-1) ?? new Uint8Array(0);
    expect(await verdictOf(older)).toBe("sound");
    expect(await verdictOf(older, { ...PINNED, against })).toBe("truncated");
  });
});

describe("what journald got wrong", () => {
  test("truncate, then continue: CVE-2023-31438", async () => {
    const maker = closedLog(8);
    const { segments } = maker.add(change(1000)).changes(9).files();
    expect(await badOf({ ...FILES, segments })).toEqual([8, "root"]);
  });

  test("strip the seals, and seal again with today's key: CVE-2023-31439", async () => {
    const resealed = closedLog(15).checkpoint(OTHER_ROOT);
    resealed.notes = resealed.notes.slice(-1);
    for (const options of [BASE, PINNED]) {
      expect(await badOf(resealed.files(), options)).toEqual([0, "checkpoint-signature"]);
    }
  });

  test("a log with no seals does not pass: systemd 15425", async () => {
    const { segments } = FILES;
    expect(await verdictOf({ segments, checkpoints: new Uint8Array(0) })).toBe("not-sealed");
    expect(await verdictOf({ segments, checkpoints: FILES.checkpoints })).toBe("not-sealed");
    expect(await verdictOf({ segments: [], checkpoints: new Uint8Array(0) })).toBe("not-sealed");
  });

  test("a wrong key fails every time: systemd 11524", async () => {
    const { publicKey } = keysOf(OTHER_ROOT);
    expect(await badOf(FILES, { ...PINNED, publicKey })).toEqual([16, "key"]);
  });
});

describe("a new checkpoint key", () => {
  const rotated = (covered: boolean): LogMaker => {
    const maker = new LogMaker().checkpoint();
    const to = keysOf(OTHER_ROOT).key;
    maker.add(auditEvent("AuditKeyRotated", { from: maker.opening.key, to }));
    if (covered) maker.checkpoint();
    return maker.changes(1).checkpoint(OTHER_ROOT);
  };

  test("counts once a checkpoint under the old one covers the record that names it", async () => {
    expect(await verifyFiles(rotated(true).files())).toMatchObject({
      verdict: "sound",
      trust: "pinned",
      signed: 3,
    });
    expect(await badOf(rotated(false).files())).toEqual([1, "checkpoint-signature"]);
    const { publicKey } = keysOf(OTHER_ROOT);
    expect(await verdictOf(rotated(true).files(), { ...BASE, publicKey })).toBe("sound");
  });
});

test("every verdict has its exit code", () => {
  expect(VERDICT_EXIT).toEqual({
    sound: 0,
    tampered: 1,
    usage: 2,
    environment: 3,
    truncated: 10,
    "unsigned-tail-old": 11,
    "not-sealed": 12,
  });
});

test("a long log is read in constant memory, and no line is waited for longer than it may be", async () => {
  const endless = async function* (): AsyncGenerator<Uint8Array> {
    for (;;) yield new Uint8Array(1024).fill(0x61);
  };
  const report = await verifyLog({ segments: [{ firstSeq: 0, chunks: endless() }], checkpoints: [] }, BASE);
  expect(report.bad).toEqual({ seq: 0, segment: 0, offset: 0, rule: "too-large" });
});
