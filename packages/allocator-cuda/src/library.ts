/**
 * Loading libvram_residency: found, hashed in sealed memory, compared, and asked which ABI it was built for.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { closeSync } from "node:fs";
import { type HexDigest, hexDigest, isVramError, VramError } from "@vram-residency/types";
import { unavailable } from "./errors.ts";
import { findLibrary, type LibraryChoice, readLibrary } from "./find-library.ts";
import { LAYOUTS } from "./layouts.ts";
import { importFfi, openLibc, sealInMemory } from "./memory-file.ts";
import { structBytes } from "./struct.ts";
import { ABI_VERSION, type Native, SYMBOLS } from "./symbols.ts";

/** A library that was loaded, and what is known of it: the data of the audit event `NativeLoaded`. */
export interface LoadedLibrary {
  readonly native: Native;
  /** SHA-256 of the bytes that were loaded. */
  readonly digest: HexDigest;
  /** True when they are the bytes that somebody expected. */
  readonly pinned: boolean;
}

/** Libraries are never unloaded, and the same bytes are loaded once. */
const loaded = new Map<HexDigest, Native>();

/**
 * Loads the native library.
 *
 * @throws {@link VramError} `ERR_DRIVER_UNAVAILABLE` where there is none, it is another than was pinned, or it was built for
 * another ABI; `ERR_INPUT_INVALID` for a bad choice.
 */
export async function loadLibrary(named: LibraryChoice | undefined): Promise<LoadedLibrary> {
  const choice = await findLibrary(named);
  const expected = choice.digest === undefined ? undefined : hexDigest(choice.digest, "library.digest");
  const content = await readLibrary(choice);
  const libc = await openLibc();
  const { dlopen } = await importFfi();
  // Nothing is awaited from here on, so that two callers at once load the same bytes once.
  const { descriptor, bytes } = sealInMemory(content, libc);
  const digest = hexDigest(createHash("sha256").update(bytes).digest("hex"));
  const known = loaded.get(digest);
  let keep = false;
  try {
    if (expected !== undefined && digest !== expected) throw differs();
    // Once the linker has seen it, also a library that is refused: it would be given to whoever opens another under this name.
    keep = known === undefined;
    const native = known ?? openSealed(descriptor, dlopen);
    loaded.set(digest, native);
    return { native, digest, pinned: expected !== undefined };
  } finally {
    if (!keep) closeSync(descriptor);
  }
}

function openSealed(descriptor: number, dlopen: typeof import("bun:ffi").dlopen): Native {
  try {
    const native: Native = dlopen(`/proc/self/fd/${descriptor}`, SYMBOLS).symbols;
    checkAbi(native);
    return native;
  } catch (cause) {
    if (isVramError(cause)) throw cause;
    const missing = "the native library cannot be loaded: it is damaged, or for another system";
    const remedy = "reinstall it, or build it again: bun run native";
    throw new VramError("ERR_DRIVER_UNAVAILABLE", `${missing}; ${remedy}`, { missing, remedy }, { cause });
  }
}

/**
 * Compares the ABI of a library with the one this package was written against.
 *
 * @throws `ERR_DRIVER_UNAVAILABLE`.
 */
export function checkAbi(native: Pick<Native, "vr_abi_version" | "vr_struct_sizes">): void {
  const version = native.vr_abi_version();
  if (version !== ABI_VERSION) throw anotherAbi(`ABI ${version}, and ABI ${ABI_VERSION} is wanted`);
  const wanted = Object.values(LAYOUTS).map(structBytes);
  const sizes = new Uint32Array(wanted.length);
  const count = native.vr_struct_sizes(sizes, sizes.length);
  if (count !== wanted.length || wanted.some((bytes, index) => bytes !== sizes[index])) {
    throw anotherAbi("structs of other sizes");
  }
}

function anotherAbi(found: string): VramError {
  const remedy = "install packages of one version, or build it again: bun run native";
  return unavailable(`the native library has ${found}`, remedy);
}

function differs(): VramError {
  return unavailable(
    "the native library is not the one whose digest is pinned",
    "reinstall it, and find out who changed it",
  );
}
