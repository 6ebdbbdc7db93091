/**
 * `bun run gpu:check`: builds the native library, and has the GPU of this machine do the least of the job: allocate, copy in,
 * hash where it lies, give evidence, wipe, free; then asks the probe's questions and runs the contract suite, each in a process of
 * its own. One JSON document, also written below `bench/results`.
 *
 * Exits 0 when all of it went well, 1 when something is wrong, 3 when there is nothing to check, and says why in one sentence.
 *
 * @module
 */
import { type CudaAllocator, openCuda } from "../packages/allocator-cuda/src/index.ts";
import { computeDigest } from "../packages/crypto/src/index.ts";
import { seededRandom, sourceOf } from "../packages/testing/src/index.ts";
import { byteCount, type DeviceFacts, hasCode, type ResidencyEvidence } from "../packages/types/src/index.ts";
import { askAll } from "../scripts/gpu-probe.ts";
import { buildNative, compiler, nativeLibrary } from "../scripts/native.ts";
import { run } from "../scripts/process.ts";

const BYTES = (64 << 20) + 12_345;
const SUITE_MS = 180_000;
const EXIT_WRONG = 1;
const EXIT_NO_GPU = 3;

/** What one device did. */
export interface DeviceCheck {
  readonly facts: DeviceFacts;
  readonly evidence: ResidencyEvidence;
  /** Each must be true. */
  readonly holds: {
    readonly copiedWhatWasRead: boolean;
    readonly liesThereAsRead: boolean;
    readonly isDeviceMemory: boolean;
    readonly refusesWrites: boolean;
    readonly wiped: boolean;
    readonly givenBack: boolean;
  };
  /** Unit: ms. */
  readonly times: { readonly ingest: number; readonly digest: number; readonly wipe: number };
}

async function timed<Result>(work: () => Promise<Result>): Promise<readonly [Result, number]> {
  const started = performance.now();
  const result = await work();
  return [result, performance.now() - started];
}

/** Does the least of the job on one device. */
export async function checkDevice(cuda: CudaAllocator, facts: DeviceFacts): Promise<DeviceCheck> {
  const content = seededRandom(1).bytes(BYTES);
  const before = await cuda.capacity(facts.ordinal);
  const id = await cuda.allocate(facts.ordinal, byteCount(BYTES, "bytes"));
  const options = { identity: true, residency: "fsverity-sha256" } as const;
  const [copied, ingest] = await timed(() => cuda.ingest(id, sourceOf(content), options));
  await cuda.protect(id, "read");
  const [lies, digest] = await timed(() => cuda.digest(id, { algorithm: "fsverity-sha256" }));
  const evidence = await cuda.evidence(id);
  const write = cuda.writeBlocks(id, byteCount(0, "offset"), Uint8Array.of(1));
  const refusesWrites = await write.then(
    () => false,
    (error: unknown) => hasCode(error, "ERR_STATE"),
  );
  await cuda.protect(id, "read-write");
  const [{ nonZeroBytes }, wipe] = await timed(() => cuda.wipe(id));
  await cuda.free(id);
  const after = await cuda.capacity(facts.ordinal);
  const expected = computeDigest(content, "fsverity-sha256");
  const { location, memoryType, managed } = evidence.stable;
  return {
    facts,
    evidence,
    holds: {
      copiedWhatWasRead: copied.residency === expected && copied.identity === computeDigest(content),
      liesThereAsRead: lies.digest === expected,
      isDeviceMemory: location !== "host" && memoryType === "device" && managed === false,
      refusesWrites,
      wiped: nonZeroBytes === 0,
      givenBack: after.oursBytes === before.oursBytes,
    },
    times: { ingest, digest, wipe },
  };
}

/** Ends without a check. */
function nothingToCheck(why: string): number {
  console.error(`no GPU was checked: ${why}`);
  return EXIT_NO_GPU;
}

/** @returns The exit code. */
async function main(): Promise<number> {
  if (compiler() === undefined) return nothingToCheck("there is no C++20 compiler to build the library with");
  await buildNative();
  let cuda: CudaAllocator;
  try {
    cuda = await openCuda({ library: { path: nativeLibrary() } });
  } catch (error) {
    if (hasCode(error, "ERR_DRIVER_UNAVAILABLE")) return nothingToCheck(error.detail.missing);
    throw error;
  }
  await using opened = cuda;
  const found = await opened.devices();
  if (found.length === 0) return nothingToCheck("the driver answers, and has no device");
  const devices: DeviceCheck[] = [];
  for (const facts of found) devices.push(await checkDevice(opened, facts));
  // Each in a process of its own: what breaks a context there breaks none here.
  const probe = await askAll(["libcuda.so.1", "libnvidia-ml.so.1"]);
  const suite = await run([process.execPath, "run", "test:gpu"], { timeoutMs: SUITE_MS });
  const contract = { code: suite.code, timedOut: suite.timedOut, tail: suite.output.slice(-2000) };
  const held = devices.every(({ holds }) => Object.values(holds).every(Boolean));
  const ok = held && contract.code === 0;
  const report = {
    apiVersion: "vram-residency.gpu-check/v1",
    kind: "GpuCheck",
    date: new Date().toISOString(),
    library: opened.library,
    bytes: BYTES,
    devices,
    probe,
    contract,
    ok,
  };
  const printed = `${JSON.stringify(report, null, 2)}\n`;
  const name = (found[0]?.name ?? "").toLowerCase().replace(/[^a-z0-9]+/g, "-");
  await Bun.write(`bench/results/gpu-check-${name}-${report.date.slice(0, 10)}.json`, printed);
  console.log(printed);
  return ok ? 0 : EXIT_WRONG;
}

if (import.meta.main) process.exitCode = await main();
