/**
 * A library's bytes in memory that nobody can change any more, under a name that the dynamic linker can open.
 *
 * What is hashed is what is loaded: a file can be swapped between the two, a sealed memory file cannot.
 *
 * @module
 */
import { closeSync, readFileSync, readSync, writeSync } from "node:fs";
import { VramError } from "@vram-residency/types";
import { unavailable } from "./errors.ts";

const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
const MFD_EXEC = 16;
const F_ADD_SEALS = 1033;
const F_GET_SEALS = 1034;
/** F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW and F_SEAL_WRITE. */
const SEALS = 1 | 2 | 4 | 8;
const NAME: Uint8Array = new TextEncoder().encode("vram-residency\0");

const LIBC = {
  memfd_create: { args: ["buffer", "u32"], returns: "i32" },
  fcntl: { args: ["i32", "i32", "i32"], returns: "i32" },
} as const;

/** The functions of the C library that make and seal a memory file. */
export interface MemoryFiles {
  readonly memfd_create: (name: Uint8Array, flags: number) => number;
  readonly fcntl: (descriptor: number, command: number, argument: number) => number;
}

/** Opens the C library that this process runs on already. @throws `ERR_DRIVER_UNAVAILABLE`. */
export async function openLibc(): Promise<MemoryFiles> {
  const { dlopen } = await importFfi();
  try {
    return dlopen("libc.so.6", LIBC).symbols;
  } catch (cause) {
    const remedy = "run on Linux with glibc, the only system the native library is built for";
    throw Object.assign(unavailable("no GNU C library in this process", remedy), { cause });
  }
}

/** Bun's foreign functions. @throws `ERR_DRIVER_UNAVAILABLE` under any other runtime. */
export async function importFfi(): Promise<typeof import("bun:ffi")> {
  try {
    return await import("bun:ffi");
  } catch (cause) {
    const missing = "this runtime has no bun:ffi";
    const remedy = "run under Bun 1.4.5 or later to use a GPU; the other packages work here";
    throw new VramError("ERR_DRIVER_UNAVAILABLE", `${missing}; ${remedy}`, { missing, remedy }, { cause });
  }
}

/** A sealed memory file, and what is in it. */
export interface MemoryFile {
  /** Must stay open while the library is loaded: the linker knows it by this number. */
  readonly descriptor: number;
  /** The bytes, read back after they were sealed. */
  readonly bytes: Uint8Array;
}

/**
 * Puts bytes into a sealed memory file that may be executed.
 *
 * @throws `ERR_DRIVER_UNAVAILABLE` where the system forbids one.
 */
export function sealInMemory(content: Uint8Array, libc: MemoryFiles): MemoryFile {
  const flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  let descriptor = libc.memfd_create(NAME, flags | MFD_EXEC);
  // Kernels before 6.3 refuse the flag, and make every memory file executable.
  if (descriptor < 0 && !forbidsExecutable()) descriptor = libc.memfd_create(NAME, flags);
  if (descriptor < 0) throw refused();
  try {
    for (let at = 0; at < content.length; ) at += writeSync(descriptor, content, at, content.length - at, at);
    libc.fcntl(descriptor, F_ADD_SEALS, SEALS);
    if ((libc.fcntl(descriptor, F_GET_SEALS, 0) & SEALS) !== SEALS) throw refused();
    const bytes = new Uint8Array(content.length);
    for (let at = 0; at < bytes.length; ) {
      const count = readSync(descriptor, bytes, at, bytes.length - at, at);
      if (count === 0) throw refused();
      at += count;
    }
    return { descriptor, bytes };
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

function forbidsExecutable(): boolean {
  try {
    return readFileSync("/proc/sys/vm/memfd_noexec", "utf8").trim() === "2";
  } catch {
    // A kernel without the setting forbids nothing.
    return false;
  }
}

function refused(): VramError<"ERR_DRIVER_UNAVAILABLE"> {
  return unavailable(
    "the system makes no executable memory file for the native library",
    "set vm.memfd_noexec to 0 or 1, and allow the process to create memory files",
  );
}
