/**
 * `bun run bench [--only NAME,…] [--bytes N] [--json FILE] [--svg FILE]`: everything that is measured, as one JSON document.
 *
 * Exits 1 when a limit is broken. A figure that depends on the machine is a ratio, measured in one run, pair by pair.
 *
 * @module
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { auditAppendParts, auditRecoveryPart, auditStallPart, auditVerifyParts } from "./audit.ts";
import { throughputChart } from "./chart.ts";
import { cudaParts } from "./cuda.ts";
import { ffiParts } from "./ffi.ts";
import { fsverityPart, sha256Parts } from "./hashing.ts";
import { type Machine, watchMachine } from "./machine.ts";
import { modelIndexPart } from "./model-index.ts";
import { nativeDigestParts } from "./native-digest.ts";
import type { Part } from "./part.ts";
import { writeRandomFile } from "./random-file.ts";
import { sealFileParts } from "./seal-file.ts";
import { overheadParts } from "./shards.ts";
import { sizeParts } from "./sizes.ts";
import { startupPart } from "./startup.ts";
import { measureThroughput, type Point } from "./throughput.ts";

const MIB = 1 << 20;
const GIB = 1 << 30;
const SHARDS = 500;
/** More than a typed array can hold. */
const CUDA_BYTES = 6 * GIB;
const NAMES = [
  "sizes",
  "start-up",
  "sha256",
  "fsverity",
  "native-digest",
  "overhead",
  "model-index",
  "seal-file",
  "audit-append",
  "audit-stall",
  "audit-verify",
  "audit-recovery",
  "throughput",
  "cuda",
  "ffi",
] as const;
type Name = (typeof NAMES)[number];

/** The document. */
interface Report {
  readonly apiVersion: "vram-residency.bench/v2";
  readonly kind: "Bench";
  readonly machine: Machine;
  readonly date: string;
  readonly parts: readonly Part[];
  readonly throughput?: readonly Point[];
  readonly ok: boolean;
}

interface Options {
  readonly only: readonly Name[];
  /** Size of the file of `seal-file`. Unit: bytes. */
  readonly bytes: number;
  readonly json?: string;
  readonly svg?: string;
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      only: { type: "string", default: NAMES.join(",") },
      bytes: { type: "string", default: String(2 ** 31) },
      json: { type: "string" },
      svg: { type: "string" },
    },
  });
  const bytes = Number(values.bytes);
  if (!Number.isSafeInteger(bytes) || bytes < 1) throw new Error("--bytes: expected a whole number from 1");
  const only = values.only.split(",").map((name) => {
    const known = NAMES.find((one) => one === name);
    if (known === undefined) throw new Error(`--only: expected some of ${NAMES.join(", ")}`);
    return known;
  });
  const { json, svg } = values;
  return { only, bytes, ...(json === undefined ? {} : { json }), ...(svg === undefined ? {} : { svg }) };
}

/** What was measured of one name. */
type Measured = Pick<Report, "parts" | "throughput">;

/** Measures each name in a process of its own: none inherits the heap, and the collector's work, of the one before. */
async function measureApart(folder: string, { only, bytes }: Options): Promise<Measured> {
  const all: Measured[] = [];
  for (const name of only) {
    const json = join(folder, `${name}.json`);
    const args = ["--only", name, "--bytes", String(bytes), "--json", json];
    const command = [process.execPath, "--conditions=vram-residency-source", import.meta.path, ...args];
    const { exitCode } = Bun.spawnSync(command, { stdout: "ignore", stderr: "inherit" });
    if (!(await Bun.file(json).exists())) throw new Error(`${name} ended with ${exitCode}, and no result`);
    all.push((await Bun.file(json).json()) as Report);
  }
  const throughput = all.flatMap((measured) => measured.throughput ?? []);
  const parts = all.flatMap((measured) => measured.parts);
  return throughput.length === 0 ? { parts } : { parts, throughput };
}

/** Measures one name here. */
async function measureHere(folder: string, options: Options): Promise<Measured> {
  const parts = await measureParts(folder, options);
  if (!options.only.includes("throughput")) return { parts };
  return { parts, throughput: await measureThroughput(folder, GIB) };
}

/** The parts that have a limit, in the order in which they are measured. */
async function measureParts(folder: string, { only, bytes }: Options): Promise<readonly Part[]> {
  const parts: Part[] = [];
  if (only.includes("sizes")) parts.push(...(await sizeParts()));
  if (only.includes("start-up")) parts.push(await startupPart());
  if (only.includes("sha256")) parts.push(...(await sha256Parts(256 * MIB)));
  if (only.includes("fsverity") || only.includes("native-digest")) {
    const path = join(folder, "fsverity.bin");
    await writeRandomFile(path, GIB);
    if (only.includes("fsverity")) parts.push(await fsverityPart(path, GIB));
    if (only.includes("native-digest")) parts.push(...(await nativeDigestParts(path, GIB, folder)));
    await rm(path);
  }
  if (only.includes("overhead")) parts.push(...(await overheadParts(SHARDS)));
  if (only.includes("model-index")) parts.push(await modelIndexPart(folder));
  if (only.includes("cuda")) parts.push(...(await cudaParts(folder, CUDA_BYTES)));
  if (only.includes("ffi")) parts.push(...(await ffiParts()));
  if (only.includes("seal-file")) parts.push(...(await sealFileParts(folder, bytes)));
  if (only.includes("audit-append")) parts.push(...(await auditAppendParts(folder)));
  if (only.includes("audit-stall")) parts.push(await auditStallPart(folder));
  if (only.includes("audit-verify")) parts.push(...(await auditVerifyParts(folder)));
  if (only.includes("audit-recovery")) parts.push(await auditRecoveryPart(folder));
  return parts;
}

async function main(): Promise<void> {
  const options = readOptions();
  const describe = watchMachine();
  const folder = await mkdtemp(join(tmpdir(), "vram-bench-"));
  try {
    const measure = options.only.length === 1 ? measureHere : measureApart;
    const { parts, throughput } = await measure(folder, options);
    const machine = describe();
    const report: Report = {
      apiVersion: "vram-residency.bench/v2",
      kind: "Bench",
      machine,
      date: new Date().toISOString(),
      parts,
      ...(throughput === undefined ? {} : { throughput }),
      ok: parts.every(({ ok }) => ok),
    };
    const printed = `${JSON.stringify(report, null, 2)}\n`;
    if (options.json !== undefined) await Bun.write(options.json, printed);
    if (options.svg !== undefined && throughput !== undefined) {
      const caption = `${machine.cpu}, ${machine.cores} cores, Bun ${machine.bun}, files in page cache, ${report.date.slice(0, 10)}`;
      await Bun.write(options.svg, throughputChart(throughput, caption));
    }
    process.stdout.write(printed);
    process.exitCode = report.ok ? 0 : 1;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

await main();
