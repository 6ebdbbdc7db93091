/**
 * Hashing against the fastest there is on the same machine: `node:crypto` for SHA-256, the `fsverity` tool for fs-verity.
 *
 * @module
 */
import { createHash, randomBytes } from "node:crypto";
import { join } from "node:path";
import { computeDigest, digestStream, nodeDigester } from "../packages/vram-residency/src/index.ts";
import { interleave, type Part, part, processorMs, programMs, skipped } from "./part.ts";

const MIB = 1 << 20;
const CHUNK_BYTES = MIB;
const PAIRS = 9;

/** Facade SHA-256 against `node:crypto`, over bytes in memory and over a stream. */
export async function sha256Parts(bytes: number): Promise<readonly Part[]> {
  const data = new Uint8Array(randomBytes(bytes));
  const chunks = async function* (): AsyncGenerator<Uint8Array> {
    for (let offset = 0; offset < bytes; offset += CHUNK_BYTES) {
      yield await Promise.resolve(data.subarray(offset, offset + CHUNK_BYTES));
    }
  };
  const theirStream = async (): Promise<string> => {
    const hash = createHash("sha256");
    for await (const chunk of chunks()) hash.update(chunk);
    return hash.digest("hex");
  };
  const theirs = (): string => createHash("sha256").update(data).digest("hex");
  if (computeDigest(data, "sha256", nodeDigester) !== theirs()) throw new Error("the digests differ");

  const inMemory = await interleave(
    PAIRS,
    () => processorMs(() => computeDigest(data, "sha256", nodeDigester)),
    () => processorMs(theirs),
  );
  const streamed = await interleave(
    PAIRS,
    () => processorMs(() => digestStream(chunks(), "sha256", nodeDigester)),
    () => processorMs(theirStream),
  );
  const measures = "processor time of node:crypto divided by ours";
  const limit = { atLeast: 0.95 };
  const detail = (ms: { ours: number; theirs: number }): Part["detail"] => ({ bytes, pairs: PAIRS, ...ms });
  return [
    part("sha256-in-memory", measures, limit, inMemory.ratio, detail(inMemory)),
    part("sha256-streamed", measures, limit, streamed.ratio, detail(streamed)),
  ];
}

/** Fs-verity in JavaScript and `node:crypto` against the tool, whole programs pinned to one core, over a file in page cache. */
export async function fsverityPart(path: string, bytes: number): Promise<Part> {
  const name = "fsverity-on-one-core";
  const measures = "processor time of `fsverity digest` divided by ours, whole programs";
  const limit = { atLeast: 1.1 };
  for (const program of ["fsverity", "taskset"]) {
    if (Bun.which(program) === null) return skipped(name, measures, limit, `there is no program ${program}`);
  }
  const pinned = ["taskset", "--cpu-list", "0"];
  const condition = "--conditions=vram-residency-source";
  const ours = [...pinned, process.execPath, condition, join(import.meta.dir, "fsverity-file.ts"), path];
  const theirs = [...pinned, "fsverity", "digest", "--compact", path];
  const [first, second] = [await programMs(ours), await programMs(theirs)];
  if (first.printed !== second.printed) throw new Error("the digests differ");
  const wall: { ours: number[]; theirs: number[] } = { ours: [], theirs: [] };
  const timed = async (side: "ours" | "theirs", program: readonly string[]): Promise<number> => {
    const { cpuMs, wallMs } = await programMs(program);
    wall[side].push(Math.round(wallMs));
    return cpuMs;
  };
  const pairs = await interleave(
    PAIRS,
    () => timed("ours", ours),
    () => timed("theirs", theirs),
  );
  return part(name, measures, limit, pairs.ratio, {
    bytes,
    pairs: PAIRS,
    oursMs: pairs.ours,
    theirsMs: pairs.theirs,
    wallMs: wall,
  });
}
