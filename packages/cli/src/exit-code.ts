import { isVramError } from "@vram-residency/types";

/** Exit codes of every command. */
export const EXIT = {
  ok: 0,
  integrity: 1,
  usage: 2,
  environment: 3,
  policy: 4,
  insufficient: 5,
  interrupted: 130,
} as const;

/** The exit code that stands for an error. */
export function exitCodeOf(error: unknown): number {
  if (!isVramError(error)) return EXIT.environment;
  switch (error.code) {
    case "ERR_INTEGRITY":
    case "ERR_SEAL_VERIFICATION":
    case "ERR_NOT_SEALED":
    case "ERR_PROVENANCE":
      return EXIT.integrity;
    case "ERR_SOURCE":
      return error.detail.reason === "digest-differs" ? EXIT.integrity : EXIT.environment;
    case "ERR_INPUT_INVALID":
    case "ERR_CONFIG_INVALID":
    case "ERR_FORMAT_INVALID":
      return EXIT.usage;
    case "ERR_POLICY_VIOLATION":
      return EXIT.policy;
    case "ERR_VRAM_INSUFFICIENT":
      return EXIT.insufficient;
    case "ERR_CANCELLED":
      return EXIT.interrupted;
    case "ERR_STATE":
    case "ERR_DRIVER_ALLOCATION":
    case "ERR_BUSY":
    case "ERR_DEADLINE":
    case "ERR_DRIVER_COPY":
    case "ERR_DEVICE_LOST":
    case "ERR_DRIVER_UNAVAILABLE":
    case "ERR_AUDIT_UNAVAILABLE":
    case "ERR_BUG":
      return EXIT.environment;
  }
}
