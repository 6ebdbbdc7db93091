/**
 * `audit-program.ts WHAT FOLDER COUNT`: one side of what `audit.ts` measures, as a program of its own, so that its memory and
 * system calls can be told from others'. Prints one JSON object.
 *
 * @module
 */
import { join } from "node:path";
import { openLogSource } from "../packages/audit/src/file/index.ts";
import { deriveVerifySecret, verifyLog } from "../packages/audit/src/log/index.ts";
import { nodeEd25519 } from "../packages/crypto/src/node/index.ts";
import { nodeFileSystem } from "../packages/types/src/node/index.ts";
import { appendPlainly, SqliteRival } from "./audit-rivals.ts";
import { appendMany, CALLERS, HASHES, LOG_ID, openLog, sampleRoot } from "./audit-sample.ts";
import { watch } from "./probe.ts";

const SAMPLE_MS = 20;

type Result = Readonly<Record<string, unknown>>;

async function append(folder: string, count: number, callers: number): Promise<Result> {
  await using log = await openLog(join(folder, "log"));
  await appendMany(log, count, callers);
  return { records: count };
}

function sqlite(folder: string, count: number): Result {
  using rival = new SqliteRival(folder);
  rival.append(count);
  return { records: count };
}

async function plain(folder: string, count: number): Promise<Result> {
  await appendPlainly(folder, count);
  return { records: count };
}

/** Appends in groups under watch. */
async function stall(folder: string, count: number): Promise<Result> {
  await using log = await openLog(join(folder, "log"));
  // Not measured: code that was never run before is compiled.
  await appendMany(log, count, CALLERS);
  const { seen } = await watch(
    () => 0,
    () => appendMany(log, count, CALLERS),
  );
  return { ...seen };
}

/** Opens the log, and says how long it took. */
async function open(folder: string): Promise<Result> {
  const before = process.cpuUsage();
  const started = performance.now();
  await using log = await openLog(folder);
  const ms = performance.now() - started;
  const { user, system } = process.cpuUsage(before);
  return { ms, cpuMs: (user + system) / 1000, ...log.opened };
}

/** Verifies the log once. */
async function verify(folder: string, macs: boolean): Promise<Result> {
  using root = sampleRoot();
  using secret = deriveVerifySecret(root, LOG_ID);
  await using source = await openLogSource(nodeFileSystem, folder);
  const options = { ed25519: nodeEd25519, hashes: HASHES, now: Date.now(), unsignedMaxMs: Infinity };
  // Not maxRSS: a program inherits the peak of the one that started it.
  let peakBytes = process.memoryUsage.rss();
  const sampling = setInterval(() => {
    peakBytes = Math.max(peakBytes, process.memoryUsage.rss());
  }, SAMPLE_MS);
  const before = process.cpuUsage();
  const started = performance.now();
  const report = await verifyLog(source, macs ? { ...options, secrets: [secret] } : options);
  const wallMs = performance.now() - started;
  const { user, system } = process.cpuUsage(before);
  clearInterval(sampling);
  if (report.verdict !== "sound")
    throw new Error(`the log is ${report.verdict}: ${JSON.stringify(report.bad)}`);
  return {
    records: report.records,
    cpuMs: (user + system) / 1000,
    wallMs,
    peakBytes,
  };
}

const [what, folder = "", count = "1"] = process.argv.slice(2);
const work: Readonly<Record<string, () => Result | Promise<Result>>> = {
  grouped: () => append(folder, Number(count), CALLERS),
  single: () => append(folder, Number(count), 1),
  sqlite: () => sqlite(folder, Number(count)),
  plain: () => plain(folder, Number(count)),
  stall: () => stall(folder, Number(count)),
  open: () => open(folder),
  verify: () => verify(folder, false),
  "verify-macs": () => verify(folder, true),
};
const run = work[what ?? ""];
if (run === undefined) throw new Error(`expected one of ${Object.keys(work).join(", ")}`);
console.log(JSON.stringify(await run()));
