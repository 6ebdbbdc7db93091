import { AuditRoot, auditKeyId, deriveCheckpointSeed } from "@vram-residency/audit/log";
import { toHex } from "@vram-residency/crypto";
import { nodeEd25519 } from "@vram-residency/crypto/node";
import { lend } from "@vram-residency/crypto/secret";
import {
  KEY_RING_ROOTS_MAX,
  type KeyFile,
  type KeyPurpose,
  keyId,
  ROOT_BYTES_MIN,
  RootSecret,
  readKeyFile,
} from "@vram-residency/seal";
import type { SealRoot } from "@vram-residency/types";
import { nodeFileSystem, systemRandom } from "@vram-residency/types/node";
import { refuseArgument } from "../report.ts";
import { printDocument, type Terminal } from "../terminal.ts";
import { refuseNearLog } from "./near-log.ts";
import { makeKeyFile, replaceKeyFile } from "./store.ts";

/** What every `vramr key` command is given. */
export interface KeyCommandOptions {
  /** Public ids differ from deployment to deployment. */
  readonly deployment: string;
  readonly json?: boolean;
}

/** Runs `vramr key create`. @throws As {@link makeKeyFile}, and as {@link refuseNearLog} for the root of a log. */
export async function createKey(
  path: string,
  purpose: KeyPurpose,
  options: KeyCommandOptions,
  terminal: Terminal,
): Promise<void> {
  const file: KeyFile = { purpose, roots: [newRoot()] };
  // Before anything is written: a deployment that gives no ids is refused here.
  const shown = describeKey(file, options);
  if (purpose === "audit") await refuseNearLog(path);
  await makeKeyFile(nodeFileSystem, path, file);
  print("KeyCreated", shown, options, terminal);
}

/** Runs `vramr key show`. @throws As `readKeyFile`. */
export async function showKey(path: string, options: KeyCommandOptions, terminal: Terminal): Promise<void> {
  print("Key", describeKey(await readKeyFile(nodeFileSystem, path), options), options, terminal);
}

/**
 * Runs `vramr key rotate`.
 *
 * @param revoke - The old generation checks nothing any more, instead of only what it sealed.
 * @throws `ERR_INPUT_INVALID` when the file is full, or another rotation is under way; as `readKeyFile`.
 */
export async function rotateKey(
  path: string,
  revoke: boolean,
  options: KeyCommandOptions,
  terminal: Terminal,
): Promise<void> {
  let shown: KeyView | undefined;
  await replaceKeyFile(nodeFileSystem, path, async () => {
    const { purpose, roots } = await readKeyFile(nodeFileSystem, path);
    if (roots.length >= KEY_RING_ROOTS_MAX) {
      refuseArgument("file", `it has ${roots.length} generations: remove the lines of old ones first`);
    }
    const retired = roots.map(({ secret, state }): SealRoot => {
      return { secret, state: state === "active" ? (revoke ? "revoked" : "verify-only") : state };
    });
    const file = { purpose, roots: [newRoot(), ...retired] };
    shown = describeKey(file, options);
    return file;
  });
  if (shown !== undefined) print("KeyRotated", shown, options, terminal);
}

interface KeyView {
  readonly purpose: KeyPurpose;
  readonly deployment: string;
  readonly generations: readonly GenerationView[];
}

interface GenerationView {
  readonly kid: string;
  readonly state: SealRoot["state"];
  /** Of an audit root: what the checkpoints of all its logs are signed with. Shape: 64 hexadecimal digits. */
  readonly publicKey?: string;
}

/** All that is ever shown of a key file. */
function describeKey({ purpose, roots }: KeyFile, { deployment }: KeyCommandOptions): KeyView {
  const generations = roots.map(({ secret, state }): GenerationView => {
    if (purpose === "audit") return { ...publicPart(secret, deployment), state };
    using root = new RootSecret(secret);
    return { kid: keyId(root, deployment), state };
  });
  return { purpose, deployment, generations };
}

function publicPart(secret: Uint8Array, deployment: string): { kid: string; publicKey: string } {
  using root = new AuditRoot(secret);
  using seed = deriveCheckpointSeed(root, deployment);
  const publicKey = toHex(lend(seed, (bytes) => nodeEd25519.publicKey(bytes)));
  return { kid: auditKeyId(root, deployment), publicKey };
}

function print(kind: string, shown: KeyView, { json }: KeyCommandOptions, terminal: Terminal): void {
  if (json) {
    printDocument(terminal, "key", kind, shown);
    return;
  }
  terminal.out(`${shown.purpose} root\n`);
  for (const { kid, state, publicKey } of shown.generations) {
    terminal.out(`${kid}  ${state}\n${publicKey === undefined ? "" : `  public key ${publicKey}\n`}`);
  }
}

function newRoot(): SealRoot {
  return { secret: systemRandom.bytes(ROOT_BYTES_MIN), state: "active" };
}
