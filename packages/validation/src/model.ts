import { reading } from "@vram-residency/crypto";
import { type Brand, type ByteCount, VramError } from "@vram-residency/types";
import { positive } from "./primitives.ts";
import { refuse } from "./refusal.ts";
import { checked, run } from "./schema.ts";

/** Longest model ref. Unit: bytes. */
export const MODEL_REF_BYTES_MAX = 512;

/** The published name of a model. Shape: 1 to 512 of `[A-Za-z0-9._/:@+-]`, no "..", not starting with "/" or "-". */
export type ModelRef = Brand<string, "ModelRef">;

/** The check behind {@link parseModelRef}. */
export function modelRef(value: unknown): ModelRef {
  if (
    typeof value !== "string" ||
    value.length > MODEL_REF_BYTES_MAX ||
    !/^[A-Za-z0-9._/:@+-]+$/.test(value)
  ) {
    return refuse(`expected 1 to ${MODEL_REF_BYTES_MAX} bytes of A-Z, a-z, 0-9 and . _ / : @ + -`);
  }
  if (value.includes("..")) {
    refuse('expected a name without ".."');
  }
  // A leading "-" would be read as an option by whatever program is given the name; a leading "/" is a path.
  return /^[-/]/.test(value)
    ? refuse('expected a name that does not start with "/" or "-"')
    : (value as ModelRef);
}

/**
 * Parses the name of a published model, such as "org/model@v1:part-2".
 *
 * @throws {@link VramError} `ERR_INPUT_INVALID`.
 */
export function parseModelRef(input: unknown, field = "modelRef"): ModelRef {
  return run(checked(modelRef), input, { root: typeof field === "string" ? field : "modelRef" });
}

/** What bounds a shard. Unit: bytes. */
export interface ModelSizeLimits {
  readonly maxModelBytes: number;
}

/**
 * Parses the size of a shard that is to be loaded. Whether it fits a device is for that device's account to say.
 *
 * @param bytes - Unit: bytes. Range: 1 to the limit.
 * @throws {@link VramError} `ERR_INPUT_INVALID` for what is no positive integer; `ERR_SOURCE` with reason "too-large" over
 * the limit, and the message says by how much.
 */
export function parseModelSize(bytes: unknown, limits: ModelSizeLimits): ByteCount {
  const size = run(checked(positive), bytes, { root: "bytes" });
  const { maxModelBytes } = reading("limits", () => ({ ...limits }));
  // Negated, so that a limit that is no number refuses.
  if (!(size <= maxModelBytes)) {
    throw new VramError(
      "ERR_SOURCE",
      `the shard has ${size} bytes, ${size - maxModelBytes} over maxModelBytes (${maxModelBytes}): ` +
        "raise maxModelBytes, or split the shard",
      { reason: "too-large" },
    );
  }
  return size;
}
