/**
 * The audit log: appending against SQLite and against plain writes, the event loop beside a slow disk, verifying, recovering.
 *
 * @module
 */
import { cp, mkdir, rm, truncate } from "node:fs/promises";
import { join } from "node:path";
import { segmentName } from "../packages/audit/src/log/index.ts";
import { appendPlainly, SqliteRival } from "./audit-rivals.ts";
import { appendMany, BATCH, CALLERS, makeLog, openLog } from "./audit-sample.ts";
import { median } from "./machine.ts";
import { interleave, type Part, part, skipped } from "./part.ts";

const MIB = 1 << 20;
const PAIRS = 9;
const GROUPED = 40 * BATCH;
const SINGLE = 100;
const DELAY_MS = 20;

/** Grouped appends against SQLite, single ones against one write and one sync. Wall time: both sides wait for the disk. */
export async function auditAppendParts(folder: string): Promise<readonly Part[]> {
  const disk = await fileSystemOf(folder);
  await using log = await openLog(join(folder, "log"));
  using rival = new SqliteRival(folder);
  const grouped = await interleave(
    PAIRS,
    () => wallMs(() => appendMany(log, GROUPED, CALLERS)),
    () => wallMs(() => rival.append(GROUPED)),
  );
  const single = await interleave(
    PAIRS,
    () => wallMs(() => appendMany(log, SINGLE, 1)),
    () => wallMs(() => appendPlainly(folder, SINGLE)),
  );
  return [
    part(
      "audit-grouped",
      "time of SQLite (WAL, synchronous=FULL) for the same lines, MAC and hash computed, divided by ours",
      { atLeast: 1 },
      grouped.ratio,
      {
        disk,
        pairs: PAIRS,
        records: GROUPED,
        batch: BATCH,
        oursMs: grouped.ours,
        theirsMs: grouped.theirs,
        oursPerSecond: Math.round((GROUPED / grouped.ours) * 1000),
        theirsPerSecond: Math.round((GROUPED / grouped.theirs) * 1000),
        syncs: await countSyncs(folder, GROUPED, { ours: "grouped", theirs: "sqlite" }),
      },
    ),
    part(
      "audit-single",
      "time of one write and one fdatasync a line, MAC and hash computed, divided by ours",
      { atLeast: 0.8 },
      single.ratio,
      {
        disk,
        pairs: PAIRS,
        records: SINGLE,
        oursMs: single.ours,
        theirsMs: single.theirs,
        syncs: await countSyncs(folder, SINGLE, { ours: "single", theirs: "plain" }),
      },
    ),
  ];
}

/** How late the event loop is while every sync takes 20 ms longer, by strace: the call itself hangs. */
export async function auditStallPart(folder: string): Promise<Part> {
  const measures = "longest stall of the event loop while each sync takes 20 ms longer, ms";
  const limit = { atMost: 5 };
  if (Bun.which("strace") === null)
    return skipped("audit-stall", measures, limit, "there is no program strace");
  const delay = `delay_enter=${DELAY_MS * 1000}`;
  const strace = ["-e", "trace=fsync,fdatasync", "-e", `inject=fsync,fdatasync:${delay}`, "-o", "/dev/null"];
  const seen = await inFolder(join(folder, "stall"), (place) => program("stall", place, 20 * BATCH, strace));
  return part("audit-stall", measures, limit, number(seen, "stallMs"), seen);
}

/** Verification on one core, each as a program of its own over files in page cache. */
export async function auditVerifyParts(folder: string): Promise<readonly Part[]> {
  const [few, many] = [join(folder, "few"), join(folder, "many")];
  await makeLog(few, { records: 10_000 });
  await makeLog(many, { records: 1_000_000 });
  const [plain, macs] = [await verifying("verify", many), await verifying("verify-macs", many)];
  const small = await verifying("verify-macs", few);
  await rm(few, { recursive: true });
  await rm(many, { recursive: true });
  const growth = macs.peakBytes - small.peakBytes;
  return [
    part(
      "audit-verify",
      "records verified in a second of processor time, chain and tree",
      { atLeast: 150_000 },
      plain.perSecond,
      { ...plain, withMacs: macs },
    ),
    part(
      "audit-verify-memory",
      "memory of verifying 1,000,000 records beyond that of 10,000, bytes",
      { atMost: 64 * MIB },
      growth,
      { few: small.peakBytes, many: macs.peakBytes },
    ),
  ];
}

/** Opening a log whose process was killed in the middle of a line at the end of a full segment. */
export async function auditRecoveryPart(folder: string): Promise<Part> {
  const whole = join(folder, "whole");
  await makeLog(whole, { records: Infinity, bytes: 64 * MIB });
  const segment = `${segmentName(0)}.jsonl`;
  const { size } = Bun.file(join(whole, segment));
  await truncate(join(whole, segment), size - 100);
  const times: number[] = [];
  let found: Result = {};
  for (let index = 0; index < 3; index++) {
    const place = join(folder, "recovered");
    await cp(whole, place, { recursive: true });
    found = await program("open", place, 0);
    times.push(number(found, "ms"));
    await rm(place, { recursive: true });
  }
  await rm(whole, { recursive: true });
  const detail = { bytes: size - 100, timesMs: times.map(Math.round), found };
  return part(
    "audit-recovery",
    "time to open a log of 64 MiB after a kill, ms",
    { atMost: 1000 },
    median(times),
    detail,
  );
}

type Result = Readonly<Record<string, unknown>>;

interface Verifying {
  readonly records: number;
  readonly perSecond: number;
  readonly wallPerSecond: number;
  readonly peakBytes: number;
}

async function verifying(what: string, folder: string): Promise<Verifying> {
  const result = await program(what, folder, 0);
  const records = number(result, "records");
  return {
    records,
    perSecond: Math.round((records / number(result, "cpuMs")) * 1000),
    wallPerSecond: Math.round((records / number(result, "wallMs")) * 1000),
    peakBytes: number(result, "peakBytes"),
  };
}

async function wallMs(work: () => unknown): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

/** How often each side syncs, by strace; undefined where there is none. */
async function countSyncs(
  folder: string,
  records: number,
  sides: { readonly ours: string; readonly theirs: string },
): Promise<Result | undefined> {
  if (Bun.which("strace") === null) return undefined;
  const count = (side: string): Promise<number> =>
    inFolder(join(folder, `syncs-${side}`), async (place) => {
      const trace = join(place, "trace");
      await program(side, place, records, ["-e", "trace=fsync,fdatasync", "-o", trace]);
      return (await Bun.file(trace).text()).split("\n").filter((line) => /\b(?:fsync|fdatasync)\(/.test(line))
        .length;
    });
  return { records, ours: await count(sides.ours), theirs: await count(sides.theirs) };
}

async function inFolder<Value>(place: string, use: (place: string) => Promise<Value>): Promise<Value> {
  await mkdir(place);
  try {
    return await use(place);
  } finally {
    await rm(place, { recursive: true });
  }
}

/** Runs `audit-program.ts` on one core where it can be pinned, or under strace. @returns What it printed. */
async function program(
  what: string,
  folder: string,
  count: number,
  strace?: readonly string[],
): Promise<Result> {
  const pinned = Bun.which("taskset") === null ? [] : ["taskset", "--cpu-list", "0"];
  const prefix = strace === undefined ? pinned : ["strace", "-f", "-qq", "--seccomp-bpf", ...strace];
  const script = join(import.meta.dir, "audit-program.ts");
  const command = [
    process.execPath,
    "--conditions=vram-residency-source",
    script,
    what,
    folder,
    String(count),
  ];
  const child = Bun.spawn([...prefix, ...command], { stdout: "pipe", stderr: "inherit", stdin: "ignore" });
  const printed = await new Response(child.stdout).text();
  if ((await child.exited) !== 0) throw new Error(`audit-program.ts ${what} failed`);
  return JSON.parse(printed) as Result;
}

function number(result: Result, name: string): number {
  const value = result[name];
  if (typeof value !== "number") throw new Error(`audit-program.ts printed no ${name}`);
  return value;
}

/** What kind of file system a folder is on, as `findmnt` names it. */
async function fileSystemOf(folder: string): Promise<string> {
  if (Bun.which("findmnt") === null) return "unknown";
  const child = Bun.spawn(["findmnt", "--noheadings", "--output", "FSTYPE", "--target", folder]);
  return (await new Response(child.stdout).text()).trim();
}
