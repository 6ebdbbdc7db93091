/** A property of your own code, over shards of every awkward size (testing with fast-check). */
import { computeDigest } from "@vram-residency/crypto";
import { byteFlips, shardBytes } from "@vram-residency/testing";
import fc from "fast-check";

/** Your code: cuts a shard into blocks and puts it together again. One of the two versions is wrong. */
const blockwise = (cut: (bytes: number) => number) => (shard: Uint8Array) => {
  const copy = new Uint8Array(shard.length);
  for (let block = 0; block < cut(shard.length); block += 1) {
    copy.set(shard.subarray(block * 4096, (block + 1) * 4096), block * 4096);
  }
  return copy;
};
const versions = {
  "rounding up": blockwise((bytes) => Math.ceil(bytes / 4096)),
  "rounding down": blockwise((bytes) => Math.floor(bytes / 4096)),
};

const run = { seed: 1, numRuns: 100 };
for (const [name, copy] of Object.entries(versions)) {
  const same = fc.property(
    shardBytes({ max: 20_000 }),
    (shard) => computeDigest(copy(shard)) === computeDigest(shard),
  );
  const { failed, counterexample } = fc.check(same, run);
  console.log(
    `${name}: ${failed ? `loses bytes of a shard of ${counterexample?.[0].length}` : "keeps every byte"}`,
  );
}

const flipped = shardBytes({ max: 20_000 }).chain((shard) =>
  fc.tuple(fc.constant(shard), byteFlips(shard.length)),
);
const noticed = fc.property(flipped, ([shard, { offset, bit }]) => {
  const damaged = shard.slice();
  damaged[offset] = (damaged[offset] ?? 0) ^ (1 << bit);
  return computeDigest(damaged, "fsverity-sha256") !== computeDigest(shard, "fsverity-sha256");
});
console.log(`any one flipped bit changes the digest: ${!fc.check(noticed, run).failed}`);
