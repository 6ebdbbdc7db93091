/** Model files that lie, from disk to device: through the plan and the load, and nothing left when they are refused. */
import { afterAll, describe, expect, test } from "bun:test";
import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MockAllocator } from "@vram-residency/allocator-mock";
import { mockControl } from "@vram-residency/allocator-mock/testing";
import { hasCode, isVramError } from "@vram-residency/types";
import { nodeFileSystem, systemRandom, systemTimers } from "@vram-residency/types/node";
import fc from "fast-check";
import { loadModel, openVram, planModel } from "vram-residency";

const folder = mkdtempSync(join(tmpdir(), "vram-headers-"));
const path = join(folder, "model.safetensors");
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A file of a header and data. The header's length is as given, or right. */
function file(header: string | Uint8Array, data: number, length?: bigint): Uint8Array {
  const json = typeof header === "string" ? new TextEncoder().encode(header) : header;
  const whole = new Uint8Array(8 + json.length + data);
  new DataView(whole.buffer).setBigUint64(0, length ?? BigInt(json.length), true);
  whole.set(json, 8);
  return whole;
}

const tensor = (begin: number, end: number, shape: readonly number[] = [end - begin]): string =>
  JSON.stringify({ dtype: "U8", shape, data_offsets: [begin, end] });
const GOOD = `{"a":${tensor(0, 600)},"b":${tensor(600, 1000)}}`;

/** Plans and loads the file, and releases what was loaded. @returns "loaded", or the code with its rule or reason. */
async function attempt(between: () => void = () => {}): Promise<string> {
  await using allocator = new MockAllocator({
    timers: systemTimers,
    random: systemRandom,
    capacityBytes: 1 << 20,
  });
  await using manager = await openVram({ backend: "mock", allocator });
  let answer = "loaded";
  try {
    const plan = await planModel(path, { fileSystem: nodeFileSystem });
    between();
    const { shards } = await loadModel(plan, { manager, random: systemRandom });
    for (const shard of shards) {
      await manager.verifySealed(shard);
      await manager.release(shard);
    }
  } catch (error) {
    if (!isVramError(error)) throw error;
    expect(error.message).not.toMatch(/[\r\n]/);
    if (hasCode(error, "ERR_FORMAT_INVALID")) answer = `${error.code} ${error.detail.rule}`;
    else answer = hasCode(error, "ERR_SOURCE") ? `${error.code} ${error.detail.reason}` : error.code;
  }
  expect(manager.shards()).toEqual([]);
  expect(mockControl(allocator).live()).toBe(0);
  expect(openInFolder()).toEqual([]);
  return answer;
}

function openInFolder(): readonly string[] {
  return readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      return target.startsWith(folder) ? [target] : [];
    } catch {
      return [];
    }
  });
}

describe("a header", () => {
  const deep = `${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}`;
  test.each([
    ["that is right", file(GOOD, 1000), "loaded"],
    ["of a file without one", new Uint8Array(3), "ERR_FORMAT_INVALID too-short"],
    ["that begins in the middle of nothing", new Uint8Array(8), "ERR_FORMAT_INVALID too-short"],
    ["of a length past the end", file(GOOD, 1000, 10_000n), "ERR_FORMAT_INVALID header-length"],
    ["of the greatest length there is", file(GOOD, 1000, 2n ** 64n - 1n), "ERR_FORMAT_INVALID header-length"],
    ["of a length that turns negative", file(GOOD, 1000, 2n ** 63n), "ERR_FORMAT_INVALID header-length"],
    ["of no length", file(GOOD, 1000, 0n), "ERR_FORMAT_INVALID header-length"],
    ["that is no JSON", file("not JSON at all", 0), "ERR_FORMAT_INVALID header-json"],
    ["that is no UTF-8", file(new Uint8Array(64).fill(0xff), 0), "ERR_FORMAT_INVALID header-json"],
    ["nested a hundred thousand deep", file(deep, 0), "ERR_FORMAT_INVALID header-json"],
    [
      "that names a tensor twice",
      file(`{"a":${tensor(0, 5)},"a":${tensor(5, 10)}}`, 10),
      "ERR_FORMAT_INVALID header-json",
    ],
    ["that is a list", file("[1,2]", 0), "ERR_FORMAT_INVALID header-json"],
    [
      "whose tensors overlap",
      file(`{"a":${tensor(0, 6)},"b":${tensor(5, 10)}}`, 10),
      "ERR_FORMAT_INVALID overlap",
    ],
    [
      "whose tensors leave a hole",
      file(`{"a":${tensor(0, 5)},"b":${tensor(6, 10)}}`, 10),
      "ERR_FORMAT_INVALID hole",
    ],
    ["whose tensors leave the file", file(`{"a":${tensor(0, 11)}}`, 10), "ERR_FORMAT_INVALID offsets"],
    [
      "whose shape overflows",
      file(`{"a":${tensor(0, 10, [2 ** 53 - 1, 2 ** 53 - 1])}}`, 10),
      "ERR_FORMAT_INVALID dtype",
    ],
    ["whose shape is another size", file(`{"a":${tensor(0, 10, [3])}}`, 10), "ERR_FORMAT_INVALID size"],
    [
      "with the names of a prototype",
      file(`{"__proto__":${tensor(0, 5)},"constructor":${tensor(5, 10)}}`, 10),
      "loaded",
    ],
    [
      "whose names would write to a terminal",
      file(`{"\\u001b[31m\\u202e":${tensor(0, 10)}}`, 10),
      "ERR_INPUT_INVALID",
    ],
  ])("%s is answered, with a rule when it is refused", async (_, bytes, answer) => {
    writeFileSync(path, bytes);
    expect(await attempt()).toBe(answer);
  });
});

test("a file cut anywhere is refused, or was not needed whole", async () => {
  const whole = file(GOOD, 1000);
  for (let length = 0; length < whole.length; length += 37) {
    writeFileSync(path, whole.subarray(0, length));
    expect(await attempt()).toMatch(/^ERR_FORMAT_INVALID /);
  }
});

test("a file that changes between plan and load is refused", async () => {
  for (const change of [() => truncateSync(path, 1100), () => appendFileSync(path, "more")]) {
    writeFileSync(path, file(GOOD, 1000));
    expect(await attempt(change)).toMatch(/^ERR_(SOURCE changed|INPUT_INVALID)$/);
  }
});

test("any damage to the header is answered without a trace", async () => {
  const whole = file(GOOD, 1000);
  const edit = fc.record({ at: fc.nat(whole.length - 1001), value: fc.integer({ min: 0, max: 255 }) });
  await fc.assert(
    fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 8 }), async (edits) => {
      const damaged = whole.slice();
      for (const { at, value } of edits) damaged[at] = value;
      writeFileSync(path, damaged);
      expect(await attempt()).toMatch(/^(loaded|ERR_FORMAT_INVALID .*|ERR_INPUT_INVALID)$/);
    }),
    { numRuns: 150 },
  );
}, 20_000);
