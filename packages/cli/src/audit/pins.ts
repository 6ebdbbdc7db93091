/**
 * What a log is judged by, from files that the caller kept elsewhere.
 *
 * @module
 */
import { open } from "node:fs/promises";
import {
  type AuditVerifySecret,
  type CheckpointKey,
  importVerifySecret,
  parseCheckpointKey,
} from "@vram-residency/audit/log";
import { VramError } from "@vram-residency/types";
import { refuseArgument, systemReason } from "../report.ts";

/** More than any of these files has. Unit: bytes. */
const FILE_BYTES_MAX = 4096;
const ROOT = /^vram-residency key file v1\n|^[0-9a-f]{64}\n?$/;
const SECRET = "vram-audit-verify-v1.";

/** Reads a log's public key: `log.pub`, copied while the log was to be trusted. @throws {@link VramError} `ERR_INPUT_INVALID`, `ERR_SOURCE`. */
export async function readPublicKey(path: string): Promise<CheckpointKey> {
  const text = textOf(await readBytes(path, "--public-key"));
  try {
    return parseCheckpointKey(text);
  } catch {
    return refuseArgument(
      "--public-key",
      `${mistaken(text) ?? "it is no public key of a log"}: expected log.pub`,
    );
  }
}

/**
 * Reads a verify secret: what checks the MACs of one log.
 *
 * @throws {@link VramError} `ERR_INPUT_INVALID` for anything else, above all for a root: a verifier needs none, and whoever
 * has one can rewrite the log; and for a file that others may read. `ERR_SOURCE` when it cannot be read.
 */
export async function readMacKey(path: string): Promise<AuditVerifySecret> {
  const file = await readBytes(path, "--mac-key");
  const text = textOf(file);
  if (ROOT.test(text)) {
    refuseArgument(
      "--mac-key",
      "it is a root, with which a log can be rewritten: keep it away from here, and give the verify secret that `vramr key export` makes of it",
    );
  }
  let secret: AuditVerifySecret;
  try {
    secret = importVerifySecret(text);
  } catch {
    const remedy = "expected the one line that `vramr key export --verify-secret` writes";
    return refuseArgument("--mac-key", `${mistaken(text) ?? "it is no verify secret"}: ${remedy}`);
  }
  if (!file.shared) return secret;
  secret[Symbol.dispose]();
  return refuseArgument("--mac-key", "others may read it, and could forge records: chmod 600");
}

/** Reads a checkpoint's bytes. @throws {@link VramError} `ERR_SOURCE` when they cannot be read. */
export async function readCheckpoint(path: string): Promise<Uint8Array> {
  return (await readBytes(path, "--against")).bytes;
}

/** What a file is instead of what was asked for. */
function mistaken(text: string): string | undefined {
  if (ROOT.test(text)) return "it is a root";
  if (text.startsWith(SECRET)) return "it is a verify secret";
  return text.startsWith("vram-residency.invalid/log/") ? "it is public" : undefined;
}

interface Content {
  readonly bytes: Uint8Array;
  /** True for a file that others than its owner may read. */
  readonly shared: boolean;
}

function textOf({ bytes }: Content): string {
  return String.fromCharCode(...bytes);
}

async function readBytes(path: string, field: string): Promise<Content> {
  try {
    const file = await open(path, "r");
    try {
      const stat = await file.stat();
      if (stat.isDirectory()) refuseArgument(field, "it is a directory: expected a file");
      const shared = stat.isFile() && (stat.mode & 0o077) !== 0;
      const bytes = new Uint8Array(FILE_BYTES_MAX);
      let length = 0;
      for (;;) {
        const { bytesRead } = await file.read(bytes, length, FILE_BYTES_MAX - length);
        length += bytesRead;
        if (bytesRead === 0 || length === FILE_BYTES_MAX) {
          return { bytes: bytes.subarray(0, length), shared };
        }
      }
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof VramError) throw error;
    throw new VramError(
      "ERR_SOURCE",
      `${field}: ${systemReason(error)}`,
      { reason: "unreadable" },
      { cause: error },
    );
  }
}
