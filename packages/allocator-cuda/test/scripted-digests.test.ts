/** Handles, descriptors and threads of digests, over a library that does as told: also where none was built. */
import { dlopen } from "bun:ffi";
import { expect, test } from "bun:test";
import { closeSync, fstatSync } from "node:fs";
import { hasCode, isVramError } from "@vram-residency/types";
import { STATUS } from "../src/constants.ts";
import { digestFile } from "../src/digest-file.ts";
import { nativeDigester } from "../src/native-digester.ts";
import type { Native } from "../src/symbols.ts";

const { pipe2 } = dlopen("libc.so.6", { pipe2: { args: ["buffer", "i32"], returns: "i32" } }).symbols;
const CLOEXEC = 0o2000000;

/** A library whose file ends when the test says so. */
function scripted(): { readonly native: Native; readonly freed: bigint[]; readonly pipe: Int32Array } {
  const pipe = new Int32Array(2);
  const freed: bigint[] = [];
  const native: Partial<Native> = {
    vr_last_error: () => STATUS.OK,
    vr_digest_begin: (_algorithm, _flags, _salt, _saltBytes, out) => {
      out[0] = 5n;
      return STATUS.OK;
    },
    vr_digest_file: (...args) => {
      pipe2(pipe, CLOEXEC);
      args[7][0] = 9n;
      args[8][0] = pipe[0] ?? -1;
      return STATUS.OK;
    },
    vr_digest_finish: (_id, digest, bytes) => {
      digest[0] = 0xab;
      bytes[0] = 77n;
      return STATUS.OK;
    },
    vr_digest_free: (id) => {
      freed.push(BigInt(id));
      return STATUS.OK;
    },
  };
  return { native: native as Native, freed, pipe };
}

function isOpen(descriptor: number): boolean {
  try {
    return fstatSync(descriptor).isFIFO();
  } catch {
    return false;
  }
}

test("a file's digest is there when the pipe ends, and its handle and descriptor are given back", async () => {
  const { native, freed, pipe } = scripted();

  const work = digestFile(native, "file", "sha256", { threads: 1 });
  closeSync(pipe[1] ?? -1);

  expect<unknown>(await work).toEqual({ digest: `ab${"0".repeat(62)}`, bytes: 77 });
  expect([freed, isOpen(pipe[0] ?? -1)]).toEqual([[9n], false]);
});

test("an abort ends it at once, though the library does not, and gives back the same", async () => {
  const { native, freed, pipe } = scripted();
  const stop = new AbortController();
  setTimeout(() => stop.abort(), 5);

  const error: unknown = await digestFile(native, "file", "sha256", { signal: stop.signal }).catch(
    (thrown: unknown) => thrown,
  );

  expect(hasCode(error, "ERR_CANCELLED")).toBe(true);
  expect([freed, isOpen(pipe[0] ?? -1)]).toEqual([[9n], false]);
  closeSync(pipe[1] ?? -1);
});

test("threads that no library takes are refused before it is asked", async () => {
  for (const threads of [0, 65, 1.5, Number.NaN]) {
    const { native, pipe } = scripted();
    const error: unknown = await digestFile(native, "file", "sha256", { threads }).catch(
      (thrown: unknown) => thrown,
    );
    expect(isVramError(error) && error.message).toContain("threads: ");
    expect(pipe[0]).toBe(0);
  }
}, 2000);

test("a stream gives its handle back when it is finished", () => {
  const { native, freed } = scripted();

  expect(nativeDigester(native).createSha256().digest()[0]).toBe(0xab);

  expect(freed).toEqual([5n]);
});
