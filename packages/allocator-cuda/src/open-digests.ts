import { readOptions } from "@vram-residency/crypto";
import { type DigestAlgorithm, type Digester, isVramError } from "@vram-residency/types";
import type { NativeLibrary } from "./cuda-allocator.ts";
import { type DigestFileOptions, digestFile, type FileDigest } from "./digest-file.ts";
import type { LibraryChoice } from "./find-library.ts";
import { loadLibrary } from "./library.ts";
import { nativeDigester } from "./native-digester.ts";
import { readLibraryChoice } from "./options.ts";

/** The library's digests on the CPU. They need no driver and no device. */
export interface NativeDigests {
  /** What was loaded. */
  readonly library: Pick<NativeLibrary, "digest" | "pinned">;
  /** Hashes on the calling thread. */
  readonly digester: Digester;
  /** Hashes a file on threads of the library; see {@link DigestFileOptions}. @throws As `digestFile`. */
  readonly digestFile: (
    path: string,
    algorithm: DigestAlgorithm,
    options?: DigestFileOptions,
  ) => Promise<FileDigest>;
}

/** The digests, or why there are none. */
export type NativeDigestsAnswer =
  | { readonly digests: NativeDigests }
  | { readonly digests: undefined; readonly why: string };

/** Options of {@link openNativeDigests}. */
export interface NativeDigestsOptions {
  /** The native library to load. Default: the platform package's; for sources, what `bun run native` built. */
  readonly library?: LibraryChoice;
}

/**
 * Loads the native library for what it hashes on the CPU. Where it cannot be loaded, JavaScript gives the same digests.
 *
 * @throws {@link VramError} `ERR_INPUT_INVALID` for a bad option.
 *
 * @example
 * ```ts
 * const { digests } = await openNativeDigests();
 * console.log((await digests?.digestFile("model.safetensors", "fsverity-sha256"))?.digest);
 * ```
 */
export async function openNativeDigests(options: NativeDigestsOptions = {}): Promise<NativeDigestsAnswer> {
  const { library } = readOptions(options, "options", ["library"]);
  try {
    const { native, digest, pinned } = await loadLibrary(
      library === undefined ? undefined : readLibraryChoice(library),
    );
    return {
      digests: {
        library: { digest, pinned },
        digester: nativeDigester(native),
        digestFile: (path, algorithm, how) => digestFile(native, path, algorithm, how),
      },
    };
  } catch (error) {
    // A library that was not named is nobody's bad option.
    const bad = library !== undefined && isVramError(error) && error.code === "ERR_INPUT_INVALID";
    if (!isVramError(error) || bad) throw error;
    return { digests: undefined, why: error.message };
  }
}
