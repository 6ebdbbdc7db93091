/** Verify every shard every ten minutes, here in no time on a clock of our own (the facade). */
import { fakeClock, fakeTimers } from "@vram-residency/testing";
import { openVram, type VramManager } from "vram-residency";
import { weights } from "./lib/tiny-model.ts";

const EVERY_MS = 10 * 60_000;
const clock = fakeClock();
const timers = fakeTimers(clock); // in production: systemTimers

/** Verifies what is sealed, one shard after the other, then waits. @returns A function that stops it. */
function verifyOnSchedule(vram: VramManager, onDone: (line: string) => void): () => void {
  let cancel = (): void => {};
  const pass = async (): Promise<void> => {
    for (const { id, state } of vram.shards()) {
      const shard = vram.current(id);
      if (shard === undefined || state !== "sealed") continue;
      try {
        const { verifiedAt, bytesVerified } = await vram.verifySealed(shard);
        onDone(`${verifiedAt} ${id}: ${bytesVerified} bytes ok`);
      } catch (error) {
        onDone(`${id}: ${String(error)}`);
      }
    }
    plan();
  };
  const plan = (): void => {
    cancel = timers.after(EVERY_MS, () => void pass());
  };
  plan();
  return () => cancel();
}

await using vram = await openVram({ backend: "mock", clock });
await vram.sealModel(weights(30_000), { shardId: "layer-0" });
await vram.sealModel(weights(20_000, 2), { shardId: "layer-1" });

let lines = 0;
const done = Promise.withResolvers<void>();
const stop = verifyOnSchedule(vram, (line) => {
  console.log(line);
  lines += 1;
  if (lines === 6) done.resolve();
});
while (lines < 6) {
  await timers.runAll(1).catch(() => {}); // one timer, then whatever it started
  await new Promise((resolve) => setImmediate(resolve));
}
await done.promise;
stop();
console.log(`layer-0 was verified ${vram.shards()[0]?.ageMs} ms ago, by the clock that stands still`);
