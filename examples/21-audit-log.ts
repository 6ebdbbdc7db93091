/** A log that cannot be changed unseen: verified offline, tampered with, cut off, rolled back (the facade). */
import { cp, mkdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fakeClock } from "@vram-residency/testing";
import {
  formatKeyFile,
  isVramError,
  nodeEd25519,
  nodeFileSystem,
  openAuditLog,
  openLogSource,
  openVram,
  parseCheckpointKey,
  systemRandom,
  verifyLog,
} from "vram-residency";
import { scratch } from "./lib/scratch.ts";
import { weights } from "./lib/tiny-model.ts";

await using folder = await scratch();
const directory = join(folder.path, "log", "audit");
const keys = join(folder.path, "elsewhere", "audit.key");
// What `vramr key create --audit --out audit.key` does. In the log's own directory, or beside it, it would be refused.
await mkdir(join(folder.path, "elsewhere"));
const roots = [{ secret: systemRandom.bytes(32), state: "active" }] as const;
await writeFile(keys, formatKeyFile({ purpose: "audit", roots }), { mode: 0o600 });

const clock = fakeClock();
let publicKey: Uint8Array | undefined;

/** What `vramr audit verify DIR --public-key log.pub --against CHECKPOINT` does. */
async function verify(what: string, against?: Uint8Array): Promise<void> {
  await using source = await openLogSource(nodeFileSystem, directory);
  const pins = { ...(publicKey ? { publicKey } : {}), ...(against ? { against } : {}) };
  const { verdict, trust, records, bad } = await verifyLog(source, {
    ed25519: nodeEd25519,
    now: clock.wall(),
    ...pins,
  });
  const where = bad ? `, first bad: record ${bad.seq}, rule "${bad.rule}"` : "";
  console.log(`${what}: ${verdict}, ${records} records, ${trust}${where}`);
}

await using log = await openAuditLog({ directory, keys, clock });
await using vram = await openVram({ backend: "mock", audit: log, clock });
await vram.verifySealed(await vram.sealModel(weights(10_000), { shardId: "layer-0" }));
await log.checkpoint();
await verify("beside its writer, by its own word");
const older = join(folder.path, "older");
await cp(directory, older, { recursive: true });

// From now on the key counts that was copied from `log.pub` and kept elsewhere.
publicKey = parseCheckpointKey(log.publicKey).publicKey;
await vram.close();
await log[Symbol.asyncDispose]();
const checkpoint = await readFile(join(directory, "checkpoint"));
await verify("closed", checkpoint);

const file = join(directory, "00000000000000000000.jsonl");
const text = await readFile(file, "utf8");
await writeFile(file, text.replace('"shardId":"layer-0"', '"shardId":"layer-1"'));
await verify("one digit changed");
const refused = await openAuditLog({ directory, keys, clock }).catch((why: unknown) => why);
if (isVramError(refused)) console.log(`opened again: ${refused.code}`);

await writeFile(file, text);
await truncate(file, text.length - 100);
await verify("cut off");

// An older copy was sound once, and is: only a checkpoint that was kept elsewhere knows better.
await rm(directory, { recursive: true });
await cp(older, directory, { recursive: true });
await verify("rolled back, by the key alone");
await verify("rolled back, against the checkpoint", checkpoint);
