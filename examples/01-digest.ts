/** Digests of one file's bytes, and which block of it changed (types, crypto). */
import { computeDigest, createDigest, differingDigests, fsverityLeaves, toHex } from "@vram-residency/crypto";
import { byteCount, hasCode } from "@vram-residency/types";
import { weights } from "./lib/tiny-model.ts";

const file = weights(20_000);
console.log("sha256         ", computeDigest(file));
console.log("fsverity-sha256", computeDigest(file, "fsverity-sha256"));
console.log("blake3         ", computeDigest(file, "blake3"));

// A stream takes the bytes cut anywhere.
const stream = createDigest("sha256");
for (let at = 0; at < file.length; at += 777) stream.update(file.subarray(at, at + 777));
console.log("in pieces, the same:", toHex(stream.digest()) === computeDigest(file));

// fs-verity hashes blocks of 4096 bytes: where the leaves of two trees differ, the files do.
const changed = file.slice();
changed[9000] = (changed[9000] ?? 0) ^ 1;
for (const block of differingDigests(fsverityLeaves(file), fsverityLeaves(changed))) {
  console.log(`block ${block} differs: bytes ${block * 4096} to ${block * 4096 + 4095}`);
}

// Numbers are checked once, where they become sizes.
try {
  byteCount(-1, "bytes");
} catch (error) {
  if (hasCode(error, "ERR_INPUT_INVALID")) console.log(error.class, error.detail.field, error.detail.reason);
}
