import { afterAll, describe, expect, test } from "bun:test";
import { appendFile, mkdir, readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { auditEvent } from "@vram-residency/audit";
import { nodeFileSystem } from "@vram-residency/types/node";
import { LogTail } from "../src/audit/tail.ts";
import { closedLog, LogMaker, writeLog } from "./audit-log.ts";
import { COMMAND, scratchDirectory, vramr } from "./scratch.ts";
import { fakeTerminal } from "./terminal.ts";

const scratch = await scratchDirectory();
afterAll(() => scratch.remove());
let made = 0;

const FIRST = "00000000000000000000.jsonl";
const log = join(scratch.path, "log");
const maker = new LogMaker()
  .changes(3)
  .add(auditEvent("AuditUnavailable", { reason: "disk full" }))
  .checkpoint()
  .rotateSegment()
  .changes(2)
  .checkpoint();
await writeLog(log, maker);

async function copy(from: LogMaker = closedLog(8)): Promise<string> {
  const directory = join(scratch.path, `copy-${made++}`);
  await writeLog(directory, from);
  return directory;
}

function textOf(stream: ReadableStream<Uint8Array>): Promise<string> {
  return new Response(stream).text();
}

describe("vramr audit show", () => {
  test("prints number, time, severity, type and what tells, across segments, and says that it does not verify", async () => {
    const { code, out, err } = await vramr(["audit", "show", log]);

    expect(code).toBe(0);
    expect(err).toBe(`shown, not verified: vramr audit verify ${log} does that\n`);
    expect(out).toContain(
      '     4  2026-01-01T00:00:04.000Z  critical  AuditUnavailable\n        reason="disk full"\n',
    );
    expect(out).toContain("     5  2026-01-01T00:00:05.000Z  info      SegmentOpened\n");
    expect(out.match(/^ +\d+ {2}2026/gm)).toHaveLength(8);
    expect(out).not.toContain(maker.opening.macKey.slice(0, 12));
  });

  test("prints with --json each record's own line", async () => {
    const { out, err } = await vramr(["audit", "show", log, "--json"]);
    const files = maker.files().segments.map(({ bytes }) => new TextDecoder().decode(bytes));
    expect(out).toBe(files.join(""));
    expect(err).toBe("");
  });

  test("keeps to the types that it is asked for, and refuses one that there is none of", async () => {
    const types = async (...args: readonly string[]): Promise<readonly string[]> =>
      (await vramr(["audit", "show", log, "--json", ...args])).out
        .trimEnd()
        .split("\n")
        .map((line) => (JSON.parse(line) as { type: string }).type);
    expect(await types("--type", "LogOpened,SegmentOpened")).toEqual(["LogOpened", "SegmentOpened"]);
    expect(await types("--type", "LogOpened", "--type", "AuditUnavailable")).toEqual([
      "LogOpened",
      "AuditUnavailable",
    ]);
    const { code, out, err } = await vramr(["audit", "show", log, "--type", "LogOpend"]);
    expect([code, out]).toEqual([2, ""]);
    expect(err).toContain("there is no LogOpend");
  });

  test("lets nothing in a log steer the terminal: such a line is no record, and is named, not shown", async () => {
    for (const evil of ["\u001b[2J", "\u202e", "\u009b31m"]) {
      const directory = await copy();
      const text = await readFile(join(directory, FIRST), "utf8");
      await writeFile(join(directory, FIRST), text.replace("from 3", `from ${evil}`));
      for (const args of [[], ["--json"]]) {
        const { code, out, err } = await vramr(["audit", "show", directory, ...args]);
        expect(code).toBe(1);
        expect(out + err).not.toContain(evil);
        expect(err).toMatch(/no record: \d+ bytes at byte \d+ of 0{20}\.jsonl/);
        expect(out).toContain("from 4");
      }
    }
  });

  test("bears a last line that is torn, a line without an end, and bytes that are no text", async () => {
    const torn = await copy();
    await appendFile(join(torn, FIRST), '{"v":1,"lo');
    const said = await vramr(["audit", "show", torn]);
    expect(said.code).toBe(0);
    expect(said.err).toContain("the last line is not whole (10 bytes)");

    const endless = await copy();
    await appendFile(join(endless, FIRST), Buffer.alloc(300_000, 0xff));
    expect((await vramr(["audit", "show", endless])).code).toBe(1);
  });

  test("tells a directory that is none, an empty one, a file and wrong arguments apart", async () => {
    const empty = join(scratch.path, "empty");
    await mkdir(empty);
    const cases = [["missing"], ["empty"], [`log/${FIRST}`], ["log", "extra"], ["log", "--nonsense"]];
    const codes = cases.map(async ([path = "", ...args]) => {
      const { code, out, err } = await vramr(["audit", "show", join(scratch.path, path), ...args]);
      expect(out).toBe("");
      expect(err).not.toContain("    at ");
      return code;
    });
    expect(await Promise.all(codes)).toEqual([3, 2, 2, 2, 2]);
  });

  test("is as narrow as the terminal, but for what cannot be divided", async () => {
    for (const columns of [40, 80]) {
      const { out } = await vramr(["audit", "show", log], fakeTerminal({ columns }));
      expect(out.split("\n").filter((line) => line.length > columns)).toEqual([]);
    }
  });

  test("stops when it is interrupted, and ends quietly when its reader has gone", async () => {
    const interrupted = fakeTerminal({ signal: AbortSignal.abort() });
    expect((await vramr(["audit", "show", log], interrupted)).code).toBe(130);

    const child = Bun.spawn(["sh", "-c", `"$@" --json | head -n 1`, "sh", ...COMMAND, "audit", "show", log], {
      stdout: "pipe",
      stderr: "pipe",
    });
    expect((await textOf(child.stdout)).split("\n")).toHaveLength(2);
    expect(await textOf(child.stderr)).toBe("");
  });
});

describe("vramr audit show --follow", () => {
  test("goes on with what is written, across rotation, until the interrupt, which is a good end", async () => {
    const directory = join(scratch.path, "followed");
    const live = new LogMaker().changes(2);
    await writeLog(directory, live);
    const child = Bun.spawn([...COMMAND, "audit", "show", directory, "--follow", "--json"], {
      stdout: "pipe",
      stderr: "pipe",
    });
    const seqs: number[] = [];
    let rest = "";
    const decoder = new TextDecoder();
    for await (const chunk of child.stdout) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      seqs.push(...lines.map((line) => (JSON.parse(line) as { seq: number }).seq));
      if (seqs.length === 3) await writeLog(directory, live.changes(1).rotateSegment().changes(1));
      if (seqs.length === 6) await writeLog(directory, live.rotateSegment());
      if (seqs.length === 7) child.kill("SIGINT");
    }
    expect(seqs).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect([await child.exited, await textOf(child.stderr)]).toEqual([0, ""]);
  }, 20_000);
});

describe("a tail", () => {
  async function read(tail: LogTail): Promise<readonly number[]> {
    const seqs: number[] = [];
    for await (const { bytes } of tail.lines()) {
      seqs.push((JSON.parse(new TextDecoder().decode(bytes)) as { seq: number }).seq);
    }
    return seqs;
  }

  test("gives a line once it is whole, once, and goes on from where a torn end was cut off", async () => {
    const directory = await copy(new LogMaker().changes(2));
    const path = join(directory, FIRST);
    const whole = await readFile(path);
    const tail = new LogTail(nodeFileSystem, directory);
    const torn = whole.subarray(0, whole.length - 7);
    await writeFile(path, torn);
    expect([await read(tail), tail.tornBytes > 0]).toEqual([[0, 1], true]);
    await writeFile(path, whole);
    expect([await read(tail), tail.tornBytes]).toEqual([[2], 0]);
    expect(await read(tail)).toEqual([]);
    await truncate(path, whole.indexOf("\n") + 1);
    expect(await read(tail)).toEqual([]);
  });

  test("leaves out what a failed sync left behind, as the next segment tells", async () => {
    const before = new LogMaker().changes(3);
    const kept = Buffer.concat(before.files().segments.map(({ bytes }) => bytes)).length;
    const directory = await copy(before);
    await appendFile(join(directory, FIRST), `{"seq":99}\n`);
    before.segments.push({ firstSeq: 4, lines: [] });
    before.add(
      auditEvent("AuditRecovered", {
        lastSeq: 3,
        suspect: false,
        prevSegment: FIRST.slice(0, 20),
        keepBytes: kept,
      } as { readonly lastSeq: number; readonly suspect: boolean }),
    );
    const bytes = Buffer.concat(before.segments[1]?.lines ?? []);
    await writeFile(join(directory, "00000000000000000004.jsonl"), bytes);
    expect(await read(new LogTail(nodeFileSystem, directory))).toEqual([0, 1, 2, 3, 4]);
  });
});
