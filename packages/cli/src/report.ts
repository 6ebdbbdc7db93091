import { printable } from "@vram-residency/audit";
import { isVramError, VramError } from "@vram-residency/types";

const REASONS: ReadonlyMap<string, string> = new Map([
  ["ENOENT", "no such file or directory"],
  ["EACCES", "permission denied"],
  ["EPERM", "operation not permitted"],
  ["EISDIR", "is a directory"],
  ["ENOTDIR", "a part of the path is no directory"],
  ["ELOOP", "too many symbolic links"],
  ["ENAMETOOLONG", "the name is too long"],
  ["ENOSPC", "no space left on device"],
  ["EROFS", "the file system is read-only"],
  ["EEXIST", "already exists"],
  ["EIO", "input/output error"],
  ["EMFILE", "too many open files"],
]);

/** The code of a runtime's own error, such as "ENOENT". */
export function systemCode(error: unknown): string | undefined {
  const code: unknown = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : undefined;
}

/** Why a file could not be used, in words. */
export function systemReason(error: unknown): string {
  const code = systemCode(error);
  return REASONS.get(code ?? "") ?? `cannot be used (${code ?? "for an unknown reason"})`;
}

/** What went wrong, in one line without a stack, for standard error. */
export function describe(error: unknown): string {
  if (isVramError(error)) return printable(error.message);
  // A runtime's own error, such as EACCES on the state directory: its code and what it said, never its stack.
  return error instanceof Error
    ? printable(error.message.split("\n", 1).join(""))
    : "failed in an unknown way";
}

/** Refuses an argument. @throws {@link VramError} `ERR_INPUT_INVALID`, always: exit code 2. */
export function refuseArgument(field: string, reason: string): never {
  throw new VramError("ERR_INPUT_INVALID", `${field}: ${reason}`, { field, reason });
}
