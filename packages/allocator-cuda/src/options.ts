import { readOptions } from "@vram-residency/crypto";
import { byteCount } from "@vram-residency/types";
import { VR } from "./constants.ts";
import type { DriverPaths } from "./context.ts";
import { invalid } from "./errors.ts";
import type { LibraryChoice } from "./find-library.ts";
import type { VR_OPEN_OPTIONS } from "./layouts.ts";
import type { Decoded } from "./struct.ts";

/** Options of {@link openCuda}. */
export interface CudaOptions {
  /** The native library to load. Default: the platform package's; for sources, what `bun run native` built. */
  readonly library?: LibraryChoice;
  /** Most host memory the staging ring of one device takes. Default 128 MiB. Unit: bytes, at least 8 MiB. */
  readonly stagingBytes?: number;
  /** Stage through pageable memory, for hosts that refuse pinning. */
  readonly pageable?: boolean;
  /** Use plain memory, with its reduced claim, also where virtual memory management is there. */
  readonly plain?: boolean;
  /** Longest that one call may take in the library, from its submission. Default: no limit. Unit: ms. */
  readonly callMs?: number;
}

/** Checked options. */
export interface CudaSettings {
  readonly library: LibraryChoice | undefined;
  readonly callMs: number | undefined;
  readonly native: Partial<Decoded<typeof VR_OPEN_OPTIONS>>;
  readonly driver: DriverPaths;
}

const STAGING_BYTES_MIN: number = 2 * VR.SLOT_BYTES;

/**
 * Reads each option once.
 *
 * @param test - The driver to use instead of the machine's, and that it may be a fake.
 * @throws `ERR_INPUT_INVALID`.
 */
export function cudaSettings(from: CudaOptions, test?: DriverPaths): CudaSettings {
  const fields = ["library", "stagingBytes", "pageable", "plain", "callMs"] as const;
  const { library, stagingBytes, pageable, plain, callMs } = readOptions(from, "options", fields);
  if (stagingBytes !== undefined && byteCount(stagingBytes, "stagingBytes") < STAGING_BYTES_MIN) {
    throw invalid("stagingBytes", `expected at least ${STAGING_BYTES_MIN}`);
  }
  if (callMs !== undefined && byteCount(callMs, "callMs") < 1)
    throw invalid("callMs", "expected at least 1 ms");
  const flags =
    (test === undefined ? 0 : VR.OPEN_TEST) |
    flag("pageable", pageable, VR.OPEN_PAGEABLE) |
    flag("plain", plain, VR.OPEN_PLAIN);
  return {
    library: library === undefined ? undefined : readLibraryChoice(library),
    callMs,
    native: { flags, staging_bytes: stagingBytes ?? 0 },
    driver: test ?? {},
  };
}

/** Reads a choice, each field once. @throws `ERR_INPUT_INVALID`. */
export function readLibraryChoice(from: LibraryChoice): LibraryChoice {
  const { path, digest } = readOptions(from, "library", ["path", "digest"]);
  if (typeof path !== "string") throw invalid("library.path", "expected text");
  return digest === undefined ? { path } : { path, digest };
}

function flag(field: string, value: unknown, bit: number): number {
  if (value !== undefined && typeof value !== "boolean") throw invalid(field, "expected true or false");
  return value === true ? bit : 0;
}
