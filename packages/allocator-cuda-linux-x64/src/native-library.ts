import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

/** The library of this package. */
export interface NativeLibraryFile {
  /** Shape: absolute path. */
  readonly path: string;
  /** SHA-256 of what was built when the package was. Shape: 64 lowercase hexadecimal digits. */
  readonly digest: string;
}

/**
 * Says where the library is, and which digest it must have. Loads nothing.
 *
 * @returns Undefined in a checkout, where the package's sources lie without a library.
 */
export async function nativeLibrary(): Promise<NativeLibraryFile | undefined> {
  const library = new URL("./libvram_residency.so", import.meta.url);
  try {
    const digest = await readFile(new URL(`${library.href}.sha256`), "utf8");
    return { path: fileURLToPath(library), digest: digest.trim() };
  } catch {
    return undefined;
  }
}
