import { deviceIndex, type VramConfig } from "@vram-residency/types";
import * as v from "valibot";
import { bytes, charset, delay, flag, integer, positive, text } from "./primitives.ts";
import { refuse } from "./refusal.ts";
import { branded, checked, record, run, type Schema } from "./schema.ts";

/** Largest shard unless configured: 100 GiB. Unit: bytes. */
export const MAX_MODEL_BYTES_DEFAULT: number = 100 * 1024 ** 3;

/** Cap of host staging unless configured: 128 MiB. Unit: bytes. */
export const STAGING_BYTES_DEFAULT: number = 128 * 1024 ** 2;

/** Shortest worker API token: it stands in for 32 random bytes. Unit: bytes. */
export const WORKER_API_TOKEN_BYTES_MIN = 32;

/** Longest worker API token. Unit: bytes. */
export const WORKER_API_TOKEN_BYTES_MAX = 4096;

const name = charset(128, /^[A-Za-z0-9._-]+$/, "A-Z, a-z, 0-9, dot, _ and -");

function headroom(value: unknown): number | "auto" {
  if (value === "auto") {
    return value;
  }
  return typeof value === "number" ? bytes(value) : refuse('expected a number of bytes, or "auto"');
}

/** The whole of {@link VramConfig}; every key may be left out. */
export const configSchema: Schema<VramConfig> = record({
  gpuDevice: v.optional(checked(branded(deviceIndex)), 0),
  maxModelBytes: v.optional(checked(positive), MAX_MODEL_BYTES_DEFAULT),
  headroomBytes: v.optional(checked(headroom), "auto"),
  stagingBytes: v.optional(checked(integer(1024 ** 2, 4 * 1024 ** 3)), STAGING_BYTES_DEFAULT),
  workerId: v.optional(checked(name), "worker"),
  deployment: v.optional(checked(name), "default"),
  workerApiToken: v.exactOptional(checked(text(WORKER_API_TOKEN_BYTES_MIN, WORKER_API_TOKEN_BYTES_MAX))),
  maxSealAgeMs: v.exactOptional(checked(delay)),
  deadlineMs: v.exactOptional(checked(delay)),
  storeLeaves: v.optional(checked(flag), true),
});

/**
 * Parses the settings of a manager, and fills in what was left out.
 *
 * Ranges: maxModelBytes 1 to 2^53 - 1; stagingBytes 1 MiB to 4 GiB; maxSealAgeMs and deadlineMs 1 to 2^31 - 1, because
 * `setTimeout` fires at once beyond that; workerId and deployment 1 to 128 of `[A-Za-z0-9._-]`.
 *
 * @param input - A plain object with any of the keys of {@link VramConfig}, or `undefined`.
 * @returns A new frozen object.
 * @throws {@link VramError} `ERR_CONFIG_INVALID` with the field and the reason, never the value.
 */
export function parseConfig(input: unknown = {}): VramConfig {
  return run(configSchema, input, {
    root: "config",
    code: "ERR_CONFIG_INVALID",
  });
}
