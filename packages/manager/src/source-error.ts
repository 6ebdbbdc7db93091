import { type ErrorDetails, VramError } from "@vram-residency/types";

/** The error of a source that is not what it should be. The message says what to do about it. */
export function sourceError(
  reason: ErrorDetails["ERR_SOURCE"]["reason"],
  message: string,
  cause?: unknown,
): VramError<"ERR_SOURCE"> {
  return new VramError("ERR_SOURCE", message, { reason }, cause === undefined ? undefined : { cause });
}
