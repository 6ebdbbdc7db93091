/**
 * Where the native library is. Nothing is taken from the environment, and nothing is reached through a link.
 *
 * @module
 */
import { constants } from "node:fs";
import { open, realpath } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { isVramError, VramError } from "@vram-residency/types";
import { invalid, unavailable } from "./errors.ts";

/** A library, and the digest it is held to. */
export interface LibraryChoice {
  /** Shape: absolute path without links. */
  readonly path: string;
  /** SHA-256 of the file, 64 lowercase hexadecimal digits. Without it the library is used as it is, and reported as not pinned. */
  readonly digest?: string;
}

const REMEDY =
  "install @vram-residency/allocator-cuda-linux-x64, or in a checkout with a C++20 compiler: bun run native";

/** Far more than it ever weighs. Unit: bytes. */
const LIBRARY_BYTES_MAX = 256 * 1024 * 1024;

/**
 * Finds the library: the one that was named, else the platform package's, else, for sources in a checkout, what was built
 * there.
 *
 * @throws `ERR_DRIVER_UNAVAILABLE` when there is none.
 */
export async function findLibrary(named: LibraryChoice | undefined): Promise<LibraryChoice> {
  const found = named ?? (await ofPlatform()) ?? ofCheckout();
  if (found === undefined) throw unavailable("no native library", REMEDY);
  return found;
}

/** @returns Undefined where the package is not installed, or is one of a checkout that was not built. */
async function ofPlatform(): Promise<LibraryChoice | undefined> {
  try {
    const { nativeLibrary } = await import("@vram-residency/allocator-cuda-linux-x64");
    return await nativeLibrary();
  } catch (error) {
    if (isVramError(error)) throw error;
    return undefined;
  }
}

/** Only sources have a checkout around them: beside an installed package, the same place could be anybody's. */
function ofCheckout(): LibraryChoice | undefined {
  if (!import.meta.url.endsWith("/packages/allocator-cuda/src/find-library.ts")) return undefined;
  return {
    path: fileURLToPath(new URL("../../../native/build/libvram_residency.so", import.meta.url)),
  };
}

/**
 * Reads a library whole.
 *
 * @throws `ERR_DRIVER_UNAVAILABLE` when it is not there, `ERR_INPUT_INVALID` when it is reached through a link or is no
 * regular file.
 */
export async function readLibrary({ path }: LibraryChoice): Promise<Uint8Array> {
  try {
    if (!path.startsWith("/")) throw invalid("library.path", "expected an absolute path");
    if ((await realpath(path)) !== path) throw invalid("library.path", "expected a path without links");
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const stat = await file.stat();
      if (!stat.isFile()) throw invalid("library.path", "expected a regular file");
      if (stat.size > LIBRARY_BYTES_MAX)
        throw invalid("library.path", "expected a library of at most 256 MiB");
      return new Uint8Array(await file.readFile());
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (isVramError(cause)) throw cause;
    const missing = "the native library cannot be read";
    throw new VramError(
      "ERR_DRIVER_UNAVAILABLE",
      `${missing}; ${REMEDY}`,
      { missing, remedy: REMEDY },
      { cause },
    );
  }
}
