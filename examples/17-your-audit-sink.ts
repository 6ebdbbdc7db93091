/** A sink that rings a bell for critical events, and what happens when it cannot record (the facade). */
import {
  type AuditEvent,
  type AuditSink,
  isVramError,
  MockAllocator,
  openVram,
  systemRandom,
  systemTimers,
  VramError,
} from "vram-residency";
import { mockControl } from "vram-residency/testing";
import { weights } from "./lib/tiny-model.ts";

class BellSink implements AuditSink {
  state: AuditSink["state"] = "ready";
  #records = 0;

  async append(event: AuditEvent): Promise<{ log: string; seq: number }> {
    if (this.state !== "ready") {
      const reason = "the collector does not answer";
      throw new VramError("ERR_AUDIT_UNAVAILABLE", `${reason}: open a new sink`, { reason });
    }
    console.log(`${event.severity === "critical" ? "RING" : "    "} ${event.type}`);
    this.#records += 1;
    return { log: "bell", seq: this.#records - 1 };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.state = "closed";
  }
}

await using allocator = new MockAllocator({ timers: systemTimers, random: systemRandom });
const audit = new BellSink();
{
  await using vram = await openVram({ backend: "mock", allocator, audit });
  const shard = await vram.sealModel(weights(10_000), { shardId: "layer-0" });
  const control = mockControl(allocator);
  control.flipBit(control.find((await vram.attestResidency(shard)).stable.bufferId), 1, 1);
  await vram.verifySealed(shard).catch(() => {});

  // No answer without a record: a log that cannot be written stops sealing. Freeing memory is never held up by it.
  audit.state = "failed";
  const error = await vram.sealModel(weights(10)).catch((why: unknown) => why);
  if (isVramError(error)) console.log(`sealing: ${error.code}`);
  await vram.release(shard);
  console.log(`releasing: done, ${vram.shards().length} shards left`);
}
console.log(`live allocations: ${mockControl(allocator).live()}`);
