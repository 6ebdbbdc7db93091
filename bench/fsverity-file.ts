/** `fsverity-file.ts FILE`: prints the fs-verity digest of a file, computed without native code of ours. */
import { closeSync, openSync, readSync } from "node:fs";
import { createFsVerity, toHex } from "../packages/crypto/src/index.ts";
import { nodeDigester } from "../packages/crypto/src/node/index.ts";

const CHUNK_BYTES = 1 << 20;

const stream = createFsVerity({ digester: nodeDigester });
const buffer = new Uint8Array(CHUNK_BYTES);
const fd = openSync(process.argv[2] ?? "", "r");
for (let count = readSync(fd, buffer); count > 0; count = readSync(fd, buffer)) {
  stream.update(buffer.subarray(0, count));
}
closeSync(fd);
process.stdout.write(`${toHex(stream.finish().digest)}\n`);
