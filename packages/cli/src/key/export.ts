import { readdir } from "node:fs/promises";
import {
  AuditRoot,
  auditKeyId,
  deriveCheckpointSeed,
  deriveVerifySecret,
  encodeCheckpointKey,
  exportVerifySecret,
  parseLine,
} from "@vram-residency/audit/log";
import { nodeEd25519 } from "@vram-residency/crypto/node";
import { lend } from "@vram-residency/crypto/secret";
import { readKeyFile } from "@vram-residency/seal";
import { hasCode } from "@vram-residency/types";
import { nodeFileSystem } from "@vram-residency/types/node";
import { LogTail } from "../audit/tail.ts";
import { refuseArgument, systemCode } from "../report.ts";
import { printDocument, type Terminal } from "../terminal.ts";
import { refuseNearLog } from "./near-log.ts";
import type { KeyCommandOptions } from "./run.ts";
import { makeFile } from "./store.ts";

/** What `vramr key export` was asked to do. */
export interface ExportOptions extends KeyCommandOptions {
  readonly log: string;
  readonly publicKey?: string;
  readonly verifySecret?: string;
}

/** Which log, and the root that its first record names, when it was looked at. */
interface LogName {
  readonly log: string;
  readonly kid?: string;
}

/**
 * Runs `vramr key export`.
 *
 * @throws {@link VramError} `ERR_INPUT_INVALID` for a log that the root is not of, a file that is there, or a secret that
 * would lie with the log; as `readKeyFile`.
 */
export async function exportKey(path: string, options: ExportOptions, terminal: Terminal): Promise<void> {
  const { publicKey, verifySecret, deployment } = options;
  if (publicKey === undefined && verifySecret === undefined) {
    refuseArgument("key export", "name what to make: --public-key FILE, --verify-secret FILE, or both");
  }
  const name = await logNameOf(options.log);
  using root = await rootOf(path, name, deployment);
  if (verifySecret !== undefined) {
    await refuseNearLog(verifySecret);
    using secret = deriveVerifySecret(root, name.log, deployment);
    await makeFile(nodeFileSystem, verifySecret, `${exportVerifySecret(secret)}\n`, 0o600);
  }
  using seed = deriveCheckpointSeed(root, deployment);
  const key = encodeCheckpointKey({
    log: name.log,
    publicKey: lend(seed, (bytes) => nodeEd25519.publicKey(bytes)),
  });
  if (publicKey !== undefined) await makeFile(nodeFileSystem, publicKey, `${key}\n`, 0o644);
  const shown = { purpose: "audit", deployment, kid: auditKeyId(root, deployment), log: name.log, key };
  if (options.json) printDocument(terminal, "key", "KeyExported", shown);
  else terminal.out(`log ${name.log}\nroot ${shown.kid}\n`);
}

async function logNameOf(text: string): Promise<LogName> {
  if (/^[0-9a-f]{32}$/.test(text)) return { log: text };
  try {
    await readdir(text);
  } catch (error) {
    const missing = systemCode(error) === "ENOENT";
    refuseArgument(
      "--log",
      missing ? "there is no such directory, and it is no id of a log" : "it is no directory",
    );
  }
  for await (const { bytes } of new LogTail(nodeFileSystem, text).lines()) {
    try {
      const { log, data } = parseLine(bytes);
      return { log, ...(typeof data["kid"] === "string" ? { kid: data["kid"] } : {}) };
    } catch (error) {
      if (!hasCode(error, "ERR_FORMAT_INVALID")) throw error;
      break;
    }
  }
  return refuseArgument("--log", "no record can be read there: give the log's id");
}

/** The generation that the log was opened under; of a log that is known by its id alone, the active one. */
async function rootOf(path: string, { kid }: LogName, deployment: string): Promise<AuditRoot> {
  const { roots } = await readKeyFile(nodeFileSystem, path, { purpose: "audit" });
  for (const { secret, state } of roots) {
    const root = new AuditRoot(secret);
    if (kid === undefined ? state === "active" : auditKeyId(root, deployment) === kid) return root;
    root[Symbol.dispose]();
  }
  return refuseArgument("file", `it does not hold the root ${kid} of that log, under this --deployment`);
}
