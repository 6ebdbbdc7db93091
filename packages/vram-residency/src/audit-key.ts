/**
 * The root of an audit log: where it is kept, and that this is not where the log is.
 *
 * @module
 */
import { link, mkdir, open, unlink } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, isAbsolute, join } from "node:path";
import { AuditRoot } from "@vram-residency/audit/log";
import { toHex } from "@vram-residency/crypto";
import { formatKeyFile, ROOT_BYTES_MIN, readKeyFile } from "@vram-residency/seal";
import { VramError } from "@vram-residency/types";
import { nodeFileSystem, systemRandom } from "@vram-residency/types/node";
import type { AuditDirectory } from "@vram-residency/validation";
import { assertApart } from "./apart.ts";

/**
 * Names the key file of this user's audit root: `$XDG_STATE_HOME/vram-residency/keys/audit.key`, with `~/.local/state` where
 * the variable is not set, or is no absolute path.
 *
 * @param environment - Default: the process's own.
 */
export function auditKeyPath(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): string {
  const { XDG_STATE_HOME: asked = "" } = environment;
  const state = isAbsolute(asked) ? asked : join(homedir(), ".local", "state");
  return join(state, "vram-residency", "keys", "audit.key");
}

/**
 * Takes the root that a log is to be kept under: from where the options say, else this user's own, which is made when there is
 * none. A file that was named is never made: a root that is not there would silently be another one.
 *
 * @throws {@link VramError} `ERR_CONFIG_INVALID` for a key file that is missing, open to others, of the other root, or kept
 * with the log.
 */
export async function takeAuditRoot({ directory, keys }: AuditDirectory): Promise<AuditRoot> {
  if (keys !== undefined && typeof keys !== "string") return await providedRoot(() => keys.auditRoot());
  const path = keys ?? auditKeyPath();
  await assertApart(path, directory, "audit.keys");
  if (keys === undefined) await makeOnce(path);
  const { roots } = await readKeyFile(nodeFileSystem, path, {
    purpose: "audit",
    ...(process.getuid === undefined ? {} : { ownerId: process.getuid() }),
  });
  const active = roots.find(({ state }) => state === "active");
  const root = active && new AuditRoot(active.secret);
  for (const { secret } of roots) secret.fill(0);
  return root ?? refuse("it holds no active root");
}

async function providedRoot(ask: () => Promise<Uint8Array>): Promise<AuditRoot> {
  const bytes: unknown = await ask();
  if (!(bytes instanceof Uint8Array)) return refuse("the provider gave no bytes");
  const root = new AuditRoot(bytes);
  bytes.fill(0);
  return root;
}

/** Makes the root's file, whole or not at all; when several processes try, one of them does. */
async function makeOnce(path: string): Promise<void> {
  const secret = systemRandom.bytes(ROOT_BYTES_MIN);
  const text = formatKeyFile({ purpose: "audit", roots: [{ secret, state: "active" }] });
  secret.fill(0);
  const unfinished = `${path}.${toHex(systemRandom.bytes(8))}`;
  try {
    if (await isThere(path)) return;
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const file = await open(unfinished, "wx", 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await link(unfinished, path).catch((error: unknown) => {
      if (codeOf(error) !== "EEXIST") throw error;
    });
    await unlink(unfinished);
    await nodeFileSystem.syncDirectory(dirname(path));
  } catch (error) {
    refuse(`this user's own root cannot be made (${codeOf(error)}): name a key file, or set XDG_STATE_HOME`);
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await nodeFileSystem.stat(path);
    return true;
  } catch (error) {
    if (codeOf(error) === "ENOENT") return false;
    throw error;
  }
}

function codeOf(error: unknown): string {
  const code: unknown = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" && /^E[A-Z0-9]+$/.test(code) ? code : "unknown reason";
}

function refuse(reason: string): never {
  throw new VramError("ERR_CONFIG_INVALID", `audit.keys: ${reason}`, { field: "audit.keys", reason });
}
