import { afterAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { mkdir, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { byteCount, type DigestAlgorithm, hexDigest, VramError } from "@vram-residency/types";
import type { NativeDigests } from "vram-residency/cuda";
import { hashNatively, NATIVE_BYTES_MIN } from "../src/digest/native.ts";
import { scratchDirectory, vramr } from "./scratch.ts";
import { fakeTerminal } from "./terminal.ts";

const BUILT = existsSync(join(import.meta.dir, "..", "..", "..", "native", "build", "libvram_residency.so"));
const scratch = await scratchDirectory();
afterAll(() => scratch.remove());

/** A file that costs no disk, but for its first bytes. */
async function file(name: string, bytes: number): Promise<string> {
  const path = join(scratch.path, name);
  await writeFile(path, name);
  await truncate(path, bytes);
  return path;
}

const TOOLS = [
  ["blake3", ["b3sum"]],
  ["fsverity-sha256", ["fsverity", "digest", "--compact"]],
] as const;

describe.each(TOOLS)("vramr digest -a %s", (algorithm, tool) => {
  const there = Bun.which(tool[0]) !== null;
  if (!there) console.log(`skipped: 3 files against ${tool[0]}, which is not installed`);
  test.skipIf(!BUILT || !there)(
    "takes the library from a size on, says so, and gives what the tool gives on either side of it",
    async () => {
      const edge = NATIVE_BYTES_MIN[algorithm];
      const sizes = [edge - 1, edge, edge + 1];
      const paths = await Promise.all(sizes.map((bytes) => file(`${algorithm}-${bytes}`, bytes)));
      const printed = Bun.spawnSync([...tool, ...paths])
        .stdout.toString()
        .trim()
        .split("\n");

      const { code, out } = await vramr(["digest", "--json", "-a", algorithm, ...paths]);

      expect(code).toBe(0);
      expect(JSON.parse(out)).toMatchObject({
        files: sizes.map((bytes, index) => ({
          bytes,
          digest: printed[index]?.slice(0, 64),
          engine: bytes < edge ? "javascript" : "native",
        })),
      });
    },
  );
});

test("--check says which engine hashed, too", async () => {
  const path = await file("checked", NATIVE_BYTES_MIN.blake3);
  const sums = join(scratch.path, "SUMS");
  await writeFile(sums, (await vramr(["digest", "-a", "blake3", path])).out);

  const { code, out } = await vramr(["digest", "--check", sums, "-a", "blake3", "--json"]);

  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({ files: [{ engine: BUILT ? "native" : "javascript" }] });
});

type DigestFile = NativeDigests["digestFile"];
const DIGEST = hexDigest("ab".repeat(32));

/** Asks for a file with a library that does as told. @returns What came of it, and how far progress says it is. */
async function ask(
  name: string,
  digestFile: DigestFile | undefined,
  algorithm: DigestAlgorithm = "blake3",
): Promise<{ readonly hashed: unknown; readonly bytes: number; readonly loaded: number }> {
  let [bytes, loaded] = [0, 0];
  const progress = {
    add(more: number): void {
      bytes += more;
    },
    finishOne(): void {},
  };
  const hashed: unknown = await hashNatively({ name, algorithm }, fakeTerminal(), progress, 1, () => {
    loaded += 1;
    return Promise.resolve(digestFile === undefined ? undefined : { digestFile });
  }).catch((error: unknown) => error);
  return { hashed, bytes, loaded };
}

const answers: DigestFile = (_path, _algorithm, options) => {
  options?.onProgress?.(1000);
  return Promise.resolve({ digest: DIGEST, bytes: byteCount(1 << 20, "bytes") });
};

test("the library is loaded for no small file, no folder, no pipe, nothing that is not there, and not for SHA-256", async () => {
  const large = await file("large", 1 << 30);
  await mkdir(join(scratch.path, "folder"));
  Bun.spawnSync(["mkfifo", join(scratch.path, "pipe")]);
  const names = [await file("small", NATIVE_BYTES_MIN.blake3 - 1), "folder", "pipe", "none", "/dev/zero"];

  for (const name of names) {
    expect(await ask(name.startsWith("/") ? name : join(scratch.path, name), answers)).toEqual({
      hashed: undefined,
      bytes: 0,
      loaded: 0,
    });
  }
  expect((await ask(large, answers, "sha256")).loaded).toBe(0);
  expect((await ask(large, answers)).loaded).toBe(1);
});

test("progress counts each byte once, whoever hashes it in the end", async () => {
  const path = await file("refused", 2 << 20);
  const refuses: DigestFile = async (_path, _algorithm, options) => {
    options?.onProgress?.(1000);
    options?.onProgress?.(3000);
    throw new VramError("ERR_SOURCE", "the source changed", { reason: "changed" });
  };

  expect(await ask(path, answers)).toMatchObject({ hashed: { digest: DIGEST }, bytes: 1 << 20 });
  expect(await ask(path, refuses)).toMatchObject({ hashed: undefined, bytes: 0 });
  expect(await ask(path, undefined)).toMatchObject({ hashed: undefined, bytes: 0 });
});

test("an interrupt and a broken library are no reason to begin again", async () => {
  const path = await file("interrupted", 2 << 20);
  const cancelled = new VramError("ERR_CANCELLED", "cancelled", { stage: "digest" });
  const broken = new VramError("ERR_BUG", "broken", { invariant: "none" });

  for (const error of [cancelled, broken]) {
    expect((await ask(path, () => Promise.reject(error))).hashed).toBe(error);
  }
});

test.skipIf(!BUILT)("an interrupt ends the library's work at once", async () => {
  const interrupt = new AbortController();
  setTimeout(() => interrupt.abort(), 20);
  const path = await file("endless", 2 ** 40);

  const { code, out } = await vramr(
    ["digest", "-a", "blake3", path],
    fakeTerminal({ signal: interrupt.signal }),
  );

  expect([code, out]).toEqual([130, ""]);
});
