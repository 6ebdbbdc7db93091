/**
 * The hash functions of the library behind the `Digester` port: they run on the calling thread, and take no allocator.
 *
 * @module
 */
import { assertBytes, checkBlocks, DIGEST_BYTES } from "@vram-residency/crypto";
import type { Digester, HashStream } from "@vram-residency/types";
import { STATUS, VR } from "./constants.ts";
import { failureError } from "./failure.ts";
import { VR_ERROR } from "./layouts.ts";
import { decode, structBytes } from "./struct.ts";
import type { Native } from "./symbols.ts";

const NOTHING: Uint8Array = new Uint8Array(0);

/** The {@link Digester} of a loaded library. */
export function nativeDigester(native: Native): Digester {
  return {
    name: "native",
    createSha256: () => new NativeStream(native, VR.SHA256),
    createBlake3: () => new NativeStream(native, VR.BLAKE3),
    sha256Blocks(data, prefix, out) {
      const blocks = checkBlocks(data, prefix, out);
      if (blocks === 0) return;
      checkDigest(native, native.vr_digest_blocks(data, blocks, prefix, prefix.length, out));
    },
  };
}

interface Handle {
  readonly native: Native;
  readonly id: bigint;
}

/** Streams that nobody finished give their handle back once nobody can. */
const abandoned: FinalizationRegistry<Handle> = new FinalizationRegistry(({ native, id }) => {
  native.vr_digest_free(id);
});

class NativeStream implements HashStream {
  readonly #handle: Handle;

  constructor(native: Native, algorithm: number) {
    const out = new BigUint64Array(1);
    checkDigest(native, native.vr_digest_begin(algorithm, 0, NOTHING, 0, out));
    this.#handle = { native, id: out[0] ?? 0n };
    abandoned.register(this, this.#handle, this);
  }

  update(data: Uint8Array): void {
    assertBytes(data, "data");
    const { native, id } = this.#handle;
    checkDigest(native, native.vr_digest_update(id, data, data.length));
  }

  digest(): Uint8Array {
    const { native, id } = this.#handle;
    const { digest } = finishDigest(native, id);
    abandoned.unregister(this);
    native.vr_digest_free(id);
    return digest;
  }
}

/** The result of a handle whose work is done. @throws As {@link checkDigest}. */
export function finishDigest(
  native: Native,
  id: bigint,
): { readonly digest: Uint8Array; readonly bytes: bigint } {
  const [digest, bytes] = [new Uint8Array(DIGEST_BYTES), new BigUint64Array(1)];
  checkDigest(native, native.vr_digest_finish(id, digest, bytes));
  return { digest, bytes: bytes[0] ?? 0n };
}

/**
 * Turns the status of a `vr_digest_` call on this thread into an error.
 *
 * @throws {@link VramError} `ERR_SOURCE`; `ERR_CANCELLED`; `ERR_DRIVER_UNAVAILABLE` when the host is out of memory, threads
 * or descriptors; `ERR_BUG`.
 */
export function checkDigest(native: Native, status: number): void {
  if (status === STATUS.OK) return;
  const bytes = new Uint8Array(structBytes(VR_ERROR));
  native.vr_last_error(bytes);
  throw failureError({ ...decode(VR_ERROR, bytes), status }, { name: "digest" });
}
