import {
  type DigestAlgorithm,
  type Digester,
  type HashStream,
  type HexDigest,
  hexDigest,
} from "@vram-residency/types";
import { assertPort, isBytes, reading, refuseArgument } from "./arguments.ts";
import { toHex } from "./bytes.ts";
import { portableDigester } from "./digester.ts";
import { createFsVerity } from "./fsverity.ts";

/**
 * Starts a digest of any algorithm of this project.
 *
 * @throws {@link VramError} `ERR_INPUT_INVALID` for an algorithm it does not know, or a digester that is none.
 */
export function createDigest(algorithm: DigestAlgorithm, digester: Digester = portableDigester): HashStream {
  assertPort(digester, "digester", "createSha256", "createBlake3", "sha256Blocks");
  switch (algorithm) {
    case "sha256":
      return digester.createSha256();
    case "blake3":
      return digester.createBlake3();
    case "fsverity-sha256": {
      const stream = createFsVerity({ digester });
      return {
        update(data) {
          stream.update(data);
        },
        digest: () => stream.finish().digest,
      };
    }
    default:
      // A new algorithm breaks the build here; an untyped caller gets the error.
      algorithm satisfies never;
      return refuseArgument("algorithm", "expected sha256, fsverity-sha256 or blake3");
  }
}

/**
 * Computes the digest of bytes in memory.
 *
 * @returns Shape: 64 lowercase hexadecimal digits.
 * @throws {@link VramError} `ERR_INPUT_INVALID` for an unknown algorithm, or anything but bytes.
 *
 * @example
 * ```ts
 * computeDigest(new Uint8Array(0)); // e3b0c442…
 * ```
 */
export function computeDigest(
  bytes: Uint8Array,
  algorithm: DigestAlgorithm = "sha256",
  digester: Digester = portableDigester,
): HexDigest {
  const stream = createDigest(algorithm, digester);
  stream.update(bytes);
  return hexDigest(toHex(stream.digest()));
}

/**
 * Computes the digest of a stream, a chunk at a time.
 *
 * @param source - Read to its end; cancelled when anything fails.
 * @returns Shape: 64 lowercase hexadecimal digits.
 * @throws {@link VramError} `ERR_INPUT_INVALID` for an unknown algorithm or a chunk that is no `Uint8Array`; whatever
 * the source throws.
 */
export async function digestStream(
  source: AsyncIterable<Uint8Array> | ReadableStream<Uint8Array>,
  algorithm: DigestAlgorithm = "sha256",
  digester: Digester = portableDigester,
): Promise<HexDigest> {
  const stream = createDigest(algorithm, digester);
  for await (const chunk of chunksOf(source)) {
    stream.update(checkedChunk(chunk));
  }
  return hexDigest(toHex(stream.digest()));
}

function chunksOf(source: AsyncIterable<Uint8Array> | ReadableStream<Uint8Array>): AsyncIterable<Uint8Array> {
  return reading("source", () => {
    if (typeof source !== "object" || source === null) refuseArgument("source", "expected a stream of bytes");
    if ("getReader" in source) {
      if (source.locked) refuseArgument("source", "expected a stream that nobody reads yet");
      return readChunks(source);
    }
    if (typeof source[Symbol.asyncIterator] !== "function") {
      refuseArgument("source", "expected a ReadableStream or an async iterable of bytes");
    }
    return source;
  });
}

function checkedChunk(chunk: unknown): Uint8Array {
  return isBytes(chunk) ? chunk : refuseArgument("source", "expected every chunk to be a Uint8Array");
}

/** Not every browser's stream is iterable. */
async function* readChunks(source: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = source.getReader();
  let ended = false;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      ended = done;
      if (done) return;
      // Checked first: what is yielded is asked whether it is a promise.
      yield checkedChunk(value);
    }
  } finally {
    if (!ended) await reader.cancel().catch(() => undefined);
    reader.releaseLock();
  }
}
