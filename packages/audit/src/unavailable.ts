import { VramError } from "@vram-residency/types";

/** The error of a sink that cannot take a record. */
export function unavailable(reason: string, cause?: unknown): VramError<"ERR_AUDIT_UNAVAILABLE"> {
  return new VramError(
    "ERR_AUDIT_UNAVAILABLE",
    `the audit log cannot record (${reason}): nothing is sealed or verified until it can`,
    { reason },
    cause === undefined ? undefined : { cause },
  );
}
