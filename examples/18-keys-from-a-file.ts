/** A seal root in a file of its owner alone, and a second process that holds the same root (the facade). */
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  fileKeys,
  hasCode,
  isVramError,
  keyId,
  nodeFileSystem,
  openVram,
  RootSecret,
  tokenKeys,
} from "vram-residency";
import { scratch } from "./lib/scratch.ts";
import { weights } from "./lib/tiny-model.ts";

await using folder = await scratch();
const path = join(folder.path, "seal-root");
// For the example the root is known; a real one is 32 random bytes: `openssl rand -hex 32`.
const root = Uint8Array.from({ length: 32 }, (_, index) => index);
await writeFile(path, `${Buffer.from(root).toString("hex")}\n`, { mode: 0o600 });

const keys = fileKeys(nodeFileSystem, path);
using secret = new RootSecret(root);
console.log(`prints as ${String(secret)}; key id ${keyId(secret)}`);
console.log(`another deployment, another key id: ${keyId(secret, "staging") !== keyId(secret)}`);

await using first = await openVram({ backend: "mock", keys });
await using second = await openVram({ backend: "mock", keys });
const shard = await first.sealModel(weights(1000));
console.log(`sealed by ${shard.seal.signatures[0].keyid.split(".")[0]}`);

const elsewhere = await second.verifySealed(shard).catch((why: unknown) => why);
if (hasCode(elsewhere, "ERR_SEAL_VERIFICATION"))
  console.log(`in another process: ${elsewhere.detail.reason}`);

await chmod(path, 0o644);
const open = await openVram({ backend: "mock", keys }).catch((why: unknown) => why);
if (isVramError(open)) console.log(open.message);
try {
  tokenKeys("hunter2");
} catch (error) {
  if (isVramError(error)) console.log(error.message);
}
