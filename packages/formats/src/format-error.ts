import { VramError } from "@vram-residency/types";

/**
 * The error of a file that breaks a rule of its format.
 *
 * @param rule - Stable name of the rule.
 * @param offset - Where in the file. Unit: bytes.
 */
export function formatError(
  format: string,
  rule: string,
  message: string,
  offset = 0,
  cause?: unknown,
): VramError<"ERR_FORMAT_INVALID"> {
  const options = cause === undefined ? undefined : { cause };
  return new VramError("ERR_FORMAT_INVALID", `${format}: ${message}`, { format, rule, offset }, options);
}
