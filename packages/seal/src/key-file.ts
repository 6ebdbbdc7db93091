/**
 * The key file: which root it holds, and every generation of it.
 *
 * ```
 * vram-residency key file v1
 * purpose seal
 * active 0011…
 * verify-only 2233…
 * ```
 *
 * A file of one line, the root's 64 digits alone, is a seal root with one generation. An audit root is never written so:
 * without its purpose one root could stand in for the other.
 *
 * @module
 */
import { assertText, fromHex, isBytes, reading, refuseArgument, toHex } from "@vram-residency/crypto";
import { type KeyState, type SealRoot, VramError } from "@vram-residency/types";
import { KEY_RING_ROOTS_MAX } from "./key-ring.ts";
import { ROOT_BYTES_MIN } from "./keys.ts";

/** Which of the two roots a key file holds: the one of seals, or the one of an audit log. */
export type KeyPurpose = "seal" | "audit";

/** What a key file says. */
export interface KeyFile {
  readonly purpose: KeyPurpose;
  /** Newest first; exactly one is active. Shape: 1 to 16 different roots of 32 bytes. */
  readonly roots: readonly SealRoot[];
}

/** Longest key file. Unit: bytes. */
export const KEY_FILE_BYTES_MAX = 2048;

const TITLE = "vram-residency key file v1";
const ROOT_LINE = /^(active|verify-only|revoked) ([0-9a-f]{64})$/;

/**
 * Writes a key file.
 *
 * @throws {@link VramError} `ERR_INPUT_INVALID` for what {@link parseKeyFile} would refuse.
 */
export function formatKeyFile(file: KeyFile): string {
  const { purpose, roots } = readFile(file);
  const fault = faultOf(roots);
  if (fault !== undefined) {
    throw new VramError("ERR_INPUT_INVALID", `key file: ${fault}`, { field: "roots", reason: fault });
  }
  const lines = roots.map(({ secret, state }) => `${state} ${toHex(secret)}`);
  return `${[TITLE, `purpose ${purpose}`, ...lines].join("\n")}\n`;
}

function readFile(file: KeyFile): KeyFile {
  return reading("file", () => {
    const { purpose, roots } = file;
    if (purpose !== "seal" && purpose !== "audit") refuseArgument("purpose", "expected seal or audit");
    if (!Array.isArray(roots)) refuseArgument("roots", "expected an array");
    const copies = Array.from(roots as readonly SealRoot[], ({ secret, state }) => ({ secret, state }));
    if (!copies.every(({ secret }) => isBytes(secret) && secret.length === ROOT_BYTES_MIN)) {
      refuseArgument("roots", `expected roots of ${ROOT_BYTES_MIN} bytes`);
    }
    if (!copies.every(({ state }) => state === "active" || state === "verify-only" || state === "revoked")) {
      refuseArgument("roots", "expected every root to be active, verify-only or revoked");
    }
    return { purpose, roots: copies };
  });
}

/**
 * Reads what {@link formatKeyFile} writes, and the file of one line. Nothing else: no blanks, no comments, one newline a
 * line.
 *
 * @throws {@link VramError} `ERR_CONFIG_INVALID`, naming the line and never what stands in it.
 */
export function parseKeyFile(text: string): KeyFile {
  assertText(text, "text");
  const [, only] = /^([0-9a-f]{64})\n?$/.exec(text) ?? [];
  if (only !== undefined) return checked("seal", [{ secret: fromHex(only), state: "active" }]);

  const [title, purposeLine, ...lines] = text.split("\n");
  if (title !== TITLE) {
    refuse(`line 1: expected "${TITLE}", or 64 lowercase hexadecimal digits and at most one newline`);
  }
  const [, purpose] = /^purpose (seal|audit)$/.exec(purposeLine ?? "") ?? [];
  if (purpose !== "seal" && purpose !== "audit") refuse('line 2: expected "purpose seal" or "purpose audit"');
  if (lines.pop() !== "") refuse("expected a newline at the end: the file may be cut off");
  return checked(
    purpose,
    lines.map((line, index) => {
      const [, state, digits] = ROOT_LINE.exec(line) ?? [];
      if (state === undefined || digits === undefined) {
        return refuse(
          `line ${index + 3}: expected active, verify-only or revoked, a space, and 64 lowercase hexadecimal digits`,
        );
      }
      return { secret: fromHex(digits), state: state as KeyState };
    }),
  );
}

function checked(purpose: KeyPurpose, roots: readonly SealRoot[]): KeyFile {
  const fault = faultOf(roots);
  return fault === undefined ? { purpose, roots } : refuse(fault);
}

/** What keeps a list of roots from being a key file's, if anything. */
function faultOf(roots: readonly SealRoot[]): string | undefined {
  if (roots.length < 1 || roots.length > KEY_RING_ROOTS_MAX) {
    return `expected 1 to ${KEY_RING_ROOTS_MAX} generations`;
  }
  const active = roots.filter(({ state }) => state === "active").length;
  if (active !== 1) return `expected exactly one active generation, got ${active}`;
  if (roots.some(({ secret }) => secret.every((byte) => byte === secret[0]))) {
    return "expected random digits, got all equal bytes";
  }
  const different = new Set(roots.map(({ secret }) => toHex(secret))).size;
  return different === roots.length ? undefined : "expected every generation once";
}

/** Refuses a key file. @throws {@link VramError} `ERR_CONFIG_INVALID`, always. */
export function refuse(reason: string): never {
  throw new VramError("ERR_CONFIG_INVALID", `key file: ${reason}`, { field: "keyFile", reason });
}
