import { afterAll, describe, expect, test } from "bun:test";
import { appendFile, chmod, mkdir, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { closedLog, LOG, LogMaker, ROOT, verifySecretOf, writeLog } from "./audit-log.ts";
import { COMMAND, type Said, scratchDirectory, vramr } from "./scratch.ts";
import { fakeTerminal } from "./terminal.ts";

const scratch = await scratchDirectory();
afterAll(() => scratch.remove());
let made = 0;

const FIRST = "00000000000000000000.jsonl";
const log = join(scratch.path, "log");
const publicKey = join(scratch.path, "log.pub");
const macKey = join(scratch.path, "audit.mac");
const early = join(scratch.path, "early.checkpoint");
const maker = closedLog(64);
await writeLog(log, maker);
await writeFile(publicKey, await readFile(join(log, "log.pub")));
await writeFile(macKey, verifySecretOf(LOG), { mode: 0o600 });
await writeFile(early, maker.notes[3] ?? "");

/** A log of its own for a test to spoil. */
async function copy(from: LogMaker = maker): Promise<string> {
  const directory = join(scratch.path, `copy-${made++}`);
  await writeLog(directory, from);
  return directory;
}

async function verify(directory: string, ...args: readonly string[]): Promise<Said> {
  return await vramr(["audit", "verify", directory, ...args]);
}

interface Verification {
  readonly verdict: string;
  readonly exitCode: number;
  readonly trust: string;
  readonly macs: string;
  readonly bad?: {
    readonly seq: number;
    readonly offset: number;
    readonly file: string;
    readonly rule: string;
  };
}

async function judged(directory: string, ...args: readonly string[]): Promise<Verification> {
  const { code, out } = await verify(directory, "--json", ...args);
  const document = JSON.parse(out) as Verification;
  expect(document.exitCode).toBe(code);
  return document;
}

describe("vramr audit verify", () => {
  test("finds a log sound, and says on what that rests", async () => {
    expect(await judged(log)).toMatchObject({ verdict: "sound", trust: "self-asserted", macs: "unchecked" });
    expect(await judged(log, "--public-key", publicKey)).toMatchObject({ verdict: "sound", trust: "pinned" });
    const { trust, macs } = await judged(log, "--against", early, "--mac-key", macKey);
    expect([trust, macs]).toEqual(["anchored", "checked"]);

    const { code, out, err } = await verify(log);
    expect([code, err]).toEqual([0, ""]);
    expect(out).toStartWith("sound: ");
    expect(out).toContain("the key is the log's own word");
    expect((await verify(log, "--public-key", publicKey)).out).toContain("under the key that you gave");
    expect((await verify(log, "--against", early)).out).toContain("the log's own word only");
  });

  test("names the first bad record, its file and its byte: one bit, one line gone, two swapped, one spliced", async () => {
    const lines = (await readFile(join(log, FIRST), "utf8")).split(/(?<=\n)/);
    const offset = (seq: number): number => Buffer.byteLength(lines.slice(0, seq).join(""));
    const swapped = [...lines];
    [swapped[20], swapped[21]] = [swapped[21] ?? "", swapped[20] ?? ""];
    const other = closedLog(64, "2e".repeat(16)).files().segments[0]?.bytes ?? new Uint8Array();
    const foreign = new TextDecoder().decode(other).split(/(?<=\n)/)[20] ?? "";
    const gone = lines.filter((_, seq) => seq !== 20);
    const cases: readonly (readonly [readonly string[], number, string])[] = [
      // The line itself still reads well: the next one is not chained to it, and with MACs it is named itself.
      [lines.map((line, seq) => (seq === 20 ? line.replace("from 20", "from 30") : line)), 21, "prev"],
      [gone, 20, "seq"],
      [swapped, 20, "seq"],
      [lines.map((line, seq) => (seq === 20 ? foreign : line)), 20, "log"],
    ];
    for (const [changed, seq, rule] of cases) {
      const directory = await copy();
      await writeFile(join(directory, FIRST), changed.join(""));
      const { verdict, exitCode, bad } = await judged(directory);
      expect({ verdict, exitCode, bad }).toMatchObject({
        verdict: "tampered",
        exitCode: 1,
        bad: { rule, seq, offset: offset(seq), file: FIRST },
      });
      expect((await judged(directory, "--mac-key", macKey)).bad).toMatchObject({
        seq: 20,
        offset: offset(20),
      });
    }
    const directory = await copy();
    await writeFile(join(directory, FIRST), gone.join(""));
    const { out } = await verify(directory);
    expect(out).toStartWith("TAMPERED: ");
    expect(out).toContain(`record 20, at byte ${offset(20)} of ${FIRST}`);
  });

  test("has an exit code for each verdict", async () => {
    const cut = await copy();
    await truncate(join(cut, FIRST), 5000);
    const open = await copy(closedLog(16).changes(3));
    const bare = await copy();
    await rm(join(bare, "checkpoint"));
    const gone = join(scratch.path, "gone");
    const empty = join(scratch.path, "empty");
    await mkdir(empty);

    expect((await judged(cut)).verdict).toBe("truncated");
    expect((await judged(open)).verdict).toBe("unsigned-tail-old");
    expect((await judged(open, "--max-unsigned-age", "36500d")).verdict).toBe("sound");
    expect((await judged(bare)).verdict).toBe("not-sealed");
    expect((await judged(empty)).verdict).toBe("not-sealed");
    const codes = [log, cut, open, bare, empty, gone, publicKey].map(
      async (path) => (await verify(path)).code,
    );
    expect(await Promise.all(codes)).toEqual([0, 10, 11, 12, 12, 3, 2]);
    expect((await verify(empty)).out).toContain("there is no record here");
  });

  test("is sound beside a writer that is in the middle of a line, and reports the bytes", async () => {
    const directory = await copy();
    await appendFile(join(directory, FIRST), '{"v":1,"log":"');
    expect((await judged(directory)).verdict).toBe("sound");
    expect((await verify(directory)).out).toContain("14 bytes of a line that is not whole");
  });

  test("takes a pruned log only when it is told to", async () => {
    const rotated = new LogMaker().changes(20).checkpoint().rotateSegment().changes(5).checkpoint();
    const directory = await copy(rotated);
    expect((await judged(directory)).verdict).toBe("sound");
    await rm(join(directory, FIRST));
    expect(await judged(directory)).toMatchObject({ verdict: "tampered", bad: { rule: "start" } });
    expect((await judged(directory, "--allow-pruned")).verdict).toBe("sound");
    expect((await verify(directory, "--allow-pruned")).out).toContain("the first 21 of them deleted");
  });

  test("does not take another log of the same root for the one whose key was given", async () => {
    const other = await copy(closedLog(16, "2e".repeat(16)));
    const { verdict, trust, bad } = await judged(other, "--public-key", publicKey);
    expect([verdict, trust, bad?.rule]).toEqual(["tampered", "self-asserted", "log"]);
    expect((await verify(other, "--mac-key", macKey)).out).toContain("no --mac-key is of");
    expect((await verify(other, "--against", early)).code).toBe(1);
  });

  test("refuses a root in the place of a verify secret, and says why", async () => {
    await mkdir(join(scratch.path, "keys"));
    const root = join(scratch.path, "keys", "audit.key");
    expect((await vramr(["key", "create", "--audit", "--out", root])).code).toBe(0);
    const digits = join(scratch.path, "digits");
    await writeFile(digits, Buffer.from(ROOT).toString("hex"), { mode: 0o600 });
    for (const path of [root, digits]) {
      const { code, out, err } = await verify(log, "--mac-key", path);
      expect([code, out]).toEqual([2, ""]);
      expect(err).toContain("it is a root, with which a log can be rewritten: keep it away from here");
      expect(err).not.toContain(Buffer.from(ROOT).toString("hex").slice(0, 8));
      expect((await verify(log, "--public-key", path)).err).toContain("it is a root");
    }
  });

  test("answers wrong arguments with usage, one line and no stack", async () => {
    const shared = join(scratch.path, "shared.mac");
    await writeFile(shared, verifySecretOf(LOG));
    await chmod(shared, 0o644);
    for (const [args, said] of [
      [["--mac-key", publicKey], "it is public"],
      [["--mac-key", shared], "chmod 600"],
      [["--mac-key", log], "directory"],
      [["--public-key", macKey], "it is a verify secret"],
      [["--public-key", early], "log.pub"],
      [["--against", publicKey], "checkpoint"],
      [["--max-unsigned-age", "soon"], "expected a time"],
      [["--nonsense"], "--nonsense"],
      [["extra"], "too many arguments"],
    ] as const) {
      const { code, out, err } = await verify(log, ...args);
      expect([args, code, out]).toEqual([args, 2, ""]);
      expect(err).toContain(said);
      expect(err).not.toContain("    at ");
    }
    expect((await vramr(["audit", "verify"])).code).toBe(2);
    expect((await vramr(["audit"])).code).toBe(2);
    for (const name of ["--mac-key", "--public-key", "--against"]) {
      expect((await verify(log, name, join(scratch.path, "nothing"))).code).toBe(3);
    }
  });

  test("keeps within 40 columns but for names, and paints only where there is colour", async () => {
    const bad = await copy();
    await truncate(join(bad, FIRST), 5000);
    for (const directory of [log, bad]) {
      const terminal = fakeTerminal({ columns: 40 });
      await vramr(["audit", "verify", directory, "--public-key", publicKey], terminal);
      const long = terminal
        .stdout()
        .split("\n")
        .filter((line) => line.length > 40 && !line.includes(LOG));
      expect(long).toEqual([]);
      expect(terminal.stdout()).not.toContain("\u001b");
    }
    const painted = fakeTerminal({ color: true });
    await vramr(["audit", "verify", bad], painted);
    expect(painted.stdout()).toStartWith("\u001b[31;1mTRUNCATED");
  });

  test("stops when it is interrupted", async () => {
    const { code, out } = await vramr(
      ["audit", "verify", log],
      fakeTerminal({ signal: AbortSignal.abort() }),
    );
    expect([code, out]).toEqual([130, ""]);
  });

  test.skipIf(process.getuid?.() === 0)("says what it may not read", async () => {
    const directory = await copy();
    await chmod(join(directory, FIRST), 0);
    expect((await verify(directory)).code).toBe(3);
  });

  test("changes nothing, and ends with its verdict as a process", async () => {
    const before = await readdir(log);
    const child = Bun.spawnSync([...COMMAND, "audit", "verify", log, "--public-key", publicKey]);
    expect([child.exitCode, child.stderr.toString()]).toEqual([0, ""]);
    expect(await readdir(log)).toEqual(before);
  });
});
