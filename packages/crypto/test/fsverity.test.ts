import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  concatBytes,
  createFsVerity,
  differingDigests,
  FSVERITY_BLOCK_BYTES,
  FSVERITY_GROUP_BYTES,
  FSVERITY_GROUP_LEAVES,
  fsverityFromLevel1,
  fsverityGroup,
  fsverityLeaves,
  portableDigester,
  toHex,
} from "@vram-residency/crypto";
import { nodeDigester } from "@vram-residency/crypto/node";
import { expectError } from "./errors.ts";
import { naiveFsVerity } from "./naive-fsverity.ts";

const GROUP = 128 * 4096;
const LENGTHS = [0, 1, 4095, 4096, 4097, 8192, GROUP - 1, GROUP, GROUP + 1, GROUP + 4096, 2 * GROUP + 5];
const TWO_LEVELS = 128 * GROUP;

function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 31 + (index >> 8)) & 0xff);
}

function entries(digests: Uint8Array): string[] {
  return Array.from({ length: digests.length / 32 }, (_, index) =>
    toHex(digests.subarray(32 * index, 32 * index + 32)),
  );
}

describe.each(LENGTHS)("%d bytes", (length) => {
  const data = pattern(length);
  const expected = naiveFsVerity(data);

  test.each([portableDigester, nodeDigester])(
    "have the tree that the manual tells: digester %#",
    (digester) => {
      const leaves: Uint8Array[] = [];
      let next = 0;
      const stream = createFsVerity({
        digester,
        onLeaves(run, firstBlock) {
          expect(firstBlock).toBe(next);
          next += run.length / 32;
          leaves.push(run);
        },
      });
      stream.update(data);
      const result = stream.finish();

      expect(toHex(result.digest)).toBe(expected.digest);
      expect(entries(result.level1)).toEqual([...expected.level1]);
      expect(entries(concatBytes(...leaves))).toEqual([...expected.leaves]);
      expect(result.bytes).toBe(length);
      expect(entries(fsverityLeaves(data, digester))).toEqual([...expected.leaves]);
      expect(toHex(fsverityFromLevel1(result.level1, length))).toBe(expected.digest);
    },
  );
});

test("a third level of the tree begins where the second is full", () => {
  const data = new Uint8Array(TWO_LEVELS + 1);
  data.fill(7, TWO_LEVELS - 5000);
  const digests = [TWO_LEVELS, TWO_LEVELS + 1].map((length) => {
    const stream = createFsVerity({ digester: nodeDigester });
    stream.update(data.subarray(0, length));
    return toHex(stream.finish().digest);
  });

  expect(digests).toEqual([naiveFsVerity(data.subarray(0, TWO_LEVELS)).digest, naiveFsVerity(data).digest]);
});

test("nothing has the published digest of the empty file, and no level 1", () => {
  const { digest, level1, bytes } = createFsVerity().finish();

  expect(toHex(digest)).toBe("3d248ca542a24fc62d1c43b916eae5016878e2533c88238480b26128a1f1af95");
  expect(level1.length).toBe(0);
  expect(bytes).toBe(0);
});

test("every salt from 1 to 32 bytes counts, and its caller may change it afterwards", () => {
  const data = pattern(GROUP + 5000);
  for (let length = 1; length <= 32; length += 1) {
    const salt = pattern(length).map((byte) => byte ^ 0x5a);
    const expected = naiveFsVerity(data.subarray(0, 5000), salt).digest;
    const stream = createFsVerity({ digester: nodeDigester, salt });
    salt.fill(0);
    stream.update(data.subarray(0, 5000));

    expect(toHex(stream.finish().digest)).toBe(expected);
  }
});

test("a salted tree of several groups folds from its level 1", () => {
  const data = pattern(GROUP + 5000);
  const salt = pattern(32);
  const expected = naiveFsVerity(data, salt);
  const leaves = fsverityLeaves(data, portableDigester, salt);
  const blocks = leaves.length / 32;
  const level1 = concatBytes(
    fsverityGroup(leaves.subarray(0, 4096), blocks, salt),
    fsverityGroup(leaves.subarray(4096), blocks, salt),
  );

  expect(entries(leaves)).toEqual([...expected.leaves]);
  expect(entries(level1)).toEqual([...expected.level1]);
  expect(toHex(fsverityFromLevel1(level1, data.length, salt))).toBe(expected.digest);
});

test("the only leaf of a one-block file is its level 1; in a larger file a lone leaf is hashed", () => {
  const leaf = fsverityLeaves(pattern(100));

  expect(fsverityGroup(leaf, 1)).toEqual(leaf);
  expect(fsverityGroup(leaf, 129)).not.toEqual(leaf);
});

test("a change to the size alone changes the digest", () => {
  const level1 = fsverityLeaves(new Uint8Array(10));

  expect(fsverityFromLevel1(level1, 10)).not.toEqual(fsverityFromLevel1(level1, 11));
});

describe("refusals", () => {
  const none = new Uint8Array(0);
  const digest = new Uint8Array(32);

  test.each([0, 33])("a salt of %d bytes", (length) => {
    const salt = new Uint8Array(length);

    expectError(() => createFsVerity({ salt }), "ERR_INPUT_INVALID", { field: "salt" });
    expectError(() => fsverityFromLevel1(digest, 1, salt), "ERR_INPUT_INVALID", { field: "salt" });
  });

  test.each([
    [none, 1],
    [digest, 0],
    [digest, GROUP + 1],
    [digest.subarray(1), 1],
    [new Uint8Array(64), GROUP],
  ])("a level 1 of the wrong length: case %#", (level1, bytes) => {
    expectError(() => fsverityFromLevel1(level1, bytes), "ERR_INPUT_INVALID", { field: "level1" });
  });

  test.each([-1, 1.5, 2 ** 53, Number.NaN])("a size of %p", (bytes) => {
    expectError(() => fsverityFromLevel1(digest, bytes), "ERR_INPUT_INVALID", { field: "bytes" });
  });

  test.each([
    [none, 1],
    [new Uint8Array(33), 5],
    [new Uint8Array(32 * 129), 500],
    [new Uint8Array(64), 1],
  ])("a group of the wrong shape: case %#", (leaves, blocks) => {
    expectError(() => fsverityGroup(leaves, blocks), "ERR_INPUT_INVALID", { field: "leaves" });
  });

  test("a stream that is used twice", () => {
    const stream = createFsVerity();
    stream.finish();

    expectError(() => stream.update(none), "ERR_BUG");
    expectError(() => stream.finish(), "ERR_BUG");
  });

  test("levels of different sizes", () => {
    expectError(() => differingDigests(digest, new Uint8Array(64)), "ERR_BUG");
    expectError(() => differingDigests(digest.subarray(1), digest.subarray(1)), "ERR_BUG");
  });

  test.each([portableDigester, nodeDigester])(
    "arguments of sha256Blocks that do not fit: digester %#",
    (digester) => {
      const block = new Uint8Array(4096);

      expectError(() => digester.sha256Blocks(block.subarray(1), none, digest), "ERR_BUG");
      expectError(() => digester.sha256Blocks(block, new Uint8Array(32), digest), "ERR_BUG");
      expectError(() => digester.sha256Blocks(block, none, new Uint8Array(64)), "ERR_BUG");
    },
  );
});

test("the constants agree with each other", () => {
  expect(FSVERITY_GROUP_LEAVES * 32).toBe(FSVERITY_BLOCK_BYTES);
  expect(FSVERITY_GROUP_LEAVES * FSVERITY_BLOCK_BYTES).toBe(FSVERITY_GROUP_BYTES);
});

const tool = Bun.which("fsverity");
if (tool === null)
  console.warn(`skipped ${LENGTHS.length} cases against the fsverity tool: it is not installed`);

test.skipIf(tool === null)("the fsverity tool gives the same digests, salted and not", () => {
  const folder = mkdtempSync(join(tmpdir(), "fsverity-"));
  try {
    for (const length of LENGTHS) {
      const data = pattern(length);
      const file = join(folder, "data");
      writeFileSync(file, data);
      for (const salt of [undefined, pattern(9)]) {
        const stream = createFsVerity(salt ? { salt } : {});
        stream.update(data);
        const options = salt ? [`--salt=${toHex(salt)}`] : [];
        const { stdout } = Bun.spawnSync([tool ?? "", "digest", "--compact", ...options, file]);

        expect(toHex(stream.finish().digest)).toBe(stdout.toString().trim());
      }
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
