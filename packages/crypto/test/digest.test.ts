import { describe, expect, test } from "bun:test";
import { computeDigest, createDigest, digestStream, toHex, utf8 } from "@vram-residency/crypto";
import { nodeDigester } from "@vram-residency/crypto/node";
import type { DigestAlgorithm } from "@vram-residency/types";
import { expectError } from "./errors.ts";

const ABC: readonly [DigestAlgorithm, string][] = [
  ["sha256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
  ["blake3", "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85"],
];

async function* pieces(text: string): AsyncGenerator<Uint8Array> {
  for (const unit of text) yield utf8(unit);
}

function readable(onCancel: () => void): ReadableStream<Uint8Array> {
  return new ReadableStream({
    pull(controller) {
      controller.enqueue(utf8("a"));
    },
    cancel: onCancel,
  });
}

describe.each(ABC)("%s", (algorithm, digest) => {
  test("of abc is the published one, from memory, an iterable and a stream", async () => {
    expect<string>(computeDigest(utf8("abc"), algorithm)).toBe(digest);
    expect<string>(await digestStream(pieces("abc"), algorithm)).toBe(digest);
    expect<string>(await digestStream(pieces("abc"), algorithm, nodeDigester)).toBe(digest);
    expect<string>(await digestStream(new Blob(["abc"]).stream(), algorithm)).toBe(digest);
  });
});

test("sha256 is the default", async () => {
  expect(computeDigest(utf8("x"))).toBe(computeDigest(utf8("x"), "sha256"));
  expect(await digestStream(pieces("x"))).toBe(computeDigest(utf8("x"), "sha256"));
});

test("an fs-verity stream is the fs-verity digest of the whole", () => {
  const data = new Uint8Array(9000).fill(3);
  const stream = createDigest("fsverity-sha256");
  stream.update(data.subarray(0, 100));
  stream.update(data.subarray(100));

  expect(toHex(stream.digest())).toBe(computeDigest(data, "fsverity-sha256"));
});

test("an unknown algorithm is refused", () => {
  const name: string = "md5";

  expectError(() => createDigest(name as DigestAlgorithm), "ERR_INPUT_INVALID", { field: "algorithm" });
});

test("a chunk that is no byte array is refused, and the stream is cancelled", async () => {
  let cancelled = false;
  const stream = readable(() => {
    cancelled = true;
  }).pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(_, controller) {
        controller.enqueue("text" as unknown as Uint8Array);
      },
    }),
  );

  await expect(digestStream(stream)).rejects.toMatchObject({
    code: "ERR_INPUT_INVALID",
    detail: { field: "source" },
  });
  expect(cancelled).toBe(true);
});

test("a stream that fails rejects with its own error", async () => {
  const failure = new Error("disk on fire");
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) {
      controller.error(failure);
    },
  });

  await expect(digestStream(stream)).rejects.toBe(failure);
});

test("a digest is a plain array, never a Buffer", () => {
  const stream = createDigest("sha256", nodeDigester);

  expect(stream.digest().constructor).toBe(Uint8Array);
});
