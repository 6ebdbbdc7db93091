import { describe, expect, test } from "bun:test";
import { byteCount, deviceIndex } from "@vram-residency/types";
import { DeviceQueue } from "../src/device-queue.ts";
import { books, failure, NOTHING, openWorld, override, weights } from "./world.ts";

const idle = new AbortController().signal;

/** A piece of work that ends when told. */
function piece(): {
  readonly work: () => Promise<void>;
  readonly end: () => void;
  readonly begun: () => boolean;
} {
  let end = (): void => {};
  let begun = false;
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const work = (): Promise<void> => {
    begun = true;
    return ended;
  };
  return { work, end: () => end(), begun: () => begun };
}

describe("the queue of a device", () => {
  test("runs one piece at a time, in order, also past one that fails", async () => {
    const queue = new DeviceQueue(10);
    const order: number[] = [];
    const runs = [0, 1, 2, 3].map((number) =>
      queue.run(idle, async () => {
        order.push(number);
        await Promise.resolve();
        expect(order.at(-1)).toBe(number);
        if (number === 1) throw new Error("mine");
      }),
    );

    const results = await Promise.allSettled(runs);

    expect(order).toEqual([0, 1, 2, 3]);
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled", "fulfilled"]);
  });

  test("is bounded", async () => {
    const queue = new DeviceQueue(1);
    const first = piece();
    const running = queue.run(idle, first.work);
    const waiting = queue.run(idle, async () => {});

    const error = await failure(queue.run(idle, async () => {}));

    expect(error).toMatchObject({ code: "ERR_BUSY", class: "retriable", detail: { limit: 1 } });
    first.end();
    await Promise.all([running, waiting]);
  });

  test("lets go of work that is cancelled while it waits, and never starts it", async () => {
    const queue = new DeviceQueue(10);
    const cancel = new AbortController();
    const [first, second, third] = [piece(), piece(), piece()];
    const running = queue.run(idle, first.work);
    const cancelled = failure(queue.run(cancel.signal, second.work));
    const last = queue.run(idle, third.work);

    cancel.abort(new Error("no more"));
    first.end();
    third.end();
    await Promise.all([running, last]);

    expect((await cancelled).message).toBe("no more");
    expect([second.begun(), third.begun()]).toEqual([false, true]);
  });
});

describe("devices", () => {
  test("work side by side: one that hangs does not hold up the other", async () => {
    await using world = await openWorld({ devices: 2 });
    const [here, there] = [
      await world.manager.sealModel(weights(5000), { gpuDevice: 0 }),
      await world.manager.sealModel(weights(5000), { gpuDevice: 1 }),
    ];
    world.control.script([{ operation: "digest", at: 1, fault: "hang" }]);
    const cancel = new AbortController();
    const hanging = failure(world.manager.verifySealed(here, { signal: cancel.signal }));

    const report = await world.manager.verifySealed(there);
    cancel.abort();

    expect(report.shardId).toBe(there.shardId);
    expect((await hanging).code).toBe("ERR_CANCELLED");
    await world.manager.verifySealed(here);
  });

  test("that do not exist are refused", async () => {
    await using world = await openWorld({ devices: 2 });

    const codes = [
      await failure(world.manager.sealModel(weights(10), { gpuDevice: 2 })),
      await failure(world.manager.capacity(7)),
      await failure(world.manager.sealModel(weights(10), { gpuDevice: -1 })),
    ].map(({ code }) => code);

    expect(codes).toEqual(["ERR_INPUT_INVALID", "ERR_INPUT_INVALID", "ERR_INPUT_INVALID"]);
    expect(await books(world)).toEqual(NOTHING);
  });
});

describe("verification", () => {
  test("of a shard released while it waits is refused", async () => {
    await using world = await openWorld();
    const shard = await world.manager.sealModel(weights(5000));

    const [released, verified] = await Promise.allSettled([
      world.manager.release(shard),
      world.manager.verifySealed(shard),
    ]);

    expect(released.status).toBe("fulfilled");
    expect(verified).toMatchObject({
      status: "rejected",
      reason: { detail: { reason: "stale-generation" } },
    });
  });

  test("sees what is written after the call, not what lay there before", async () => {
    await using world = await openWorld();
    const shard = await world.manager.sealModel(weights(5000));
    const { stable } = await world.manager.attestResidency(shard);
    const id = world.control.find(stable.bufferId);

    const verifying = failure(world.manager.verifySealed(shard));
    world.control.flipBit(id, 100, 0);

    expect((await verifying).code).toBe("ERR_INTEGRITY");
  });

  test("a thousand at once all get an answer", async () => {
    await using world = await openWorld();
    const shard = await world.manager.sealModel(weights(100));

    const reports = await Promise.all(Array.from({ length: 1000 }, () => world.manager.verifySealed(shard)));

    expect(new Set(reports.map(({ auditSeq }) => auditSeq)).size).toBe(1000);
  });
});

describe("every verification that fails is in the log", () => {
  test("of a quarantined shard, cancelled, on a lost device, and when the log itself was gone", async () => {
    await using world = await openWorld();
    const shard = await world.manager.sealModel(weights(5000), { shardId: "a" });
    const cancelled = AbortSignal.abort();

    await failure(world.manager.verifySealed(shard, { signal: cancelled }));
    await world.flip(shard, 1, 1);
    await failure(world.manager.verifySealed(shard));
    await failure(world.manager.verifySealed(shard));
    world.control.loseDevice(deviceIndex(0));
    await failure(world.manager.attestResidency(shard));
    await failure(world.manager.verifySealed(shard));

    const reasons = world.events("SealVerificationFailed").map(({ reason }) => reason);
    expect(reasons).toEqual(["ERR_CANCELLED", "content", "ERR_STATE", "ERR_DEVICE_LOST"]);
  });

  test("a log that hangs is not waited for twice", async () => {
    await using world = await openWorld();
    const shard = await world.manager.sealModel(weights(5000));
    world.sink.hangAt(1);
    const first = failure(world.manager.verifySealed(shard));
    await new Promise((resolve) => setTimeout(resolve, 5));
    world.clock.advance(5000);
    await first;

    // No time passes any more: whoever waited for the log would wait for ever.
    const second = await failure(world.manager.verifySealed(shard));
    world.sink.resume();
    await new Promise((resolve) => setTimeout(resolve, 5));

    expect(second.code).toBe("ERR_AUDIT_UNAVAILABLE");
    expect((await world.manager.verifySealed(shard)).coverage).toBe(1);
    expect(world.events("AuditGap")[0]).toMatchObject({ types: ["SealVerificationFailed"] });
  });
});

test("two releases of a lost shard at once: one of them takes it off the books", async () => {
  await using world = await openWorld();
  const shard = await world.manager.sealModel(weights(5000));
  world.control.loseDevice(deviceIndex(0));
  await failure(world.manager.verifySealed(shard));

  const outcomes = await Promise.allSettled([world.manager.release(shard), world.manager.release(shard)]);

  expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
  expect(outcomes[1]).toMatchObject({ reason: { detail: { reason: "stale-generation" } } });
});

describe("evidence", () => {
  test("of the mock says mock, and names no address", async () => {
    await using world = await openWorld();
    const shard = await world.manager.sealModel(weights(5000));

    const evidence = await world.manager.attestResidency(shard);

    expect(evidence.kind).toBe("mock");
    expect(evidence.stable).toMatchObject({
      backend: "mock",
      location: "mock",
      memoryType: "mock",
      access: "read",
    });
  });

  test("memory cannot be exported from the mock", async () => {
    await using world = await openWorld();
    const shard = await world.manager.sealModel(weights(5000));

    expect((await failure(world.manager.sealModel(weights(5000), { exportable: true }))).code).toBe(
      "ERR_INPUT_INVALID",
    );
    expect(await failure(world.manager.exportFd(shard))).toMatchObject({
      code: "ERR_STATE",
      detail: { state: "not exportable" },
    });
  });
});

describe("policy", () => {
  test("strict refuses the mock at the start, and says why in the log", async () => {
    const error = await failure(openWorld({ parts: { policy: "strict" } }));

    expect(error.code).toBe("ERR_POLICY_VIOLATION");
    expect(error.detail).toMatchObject({ reasons: [{ rule: "cuda-device-present" }] });
  });

  test("refuses a mock where CUDA was asked for", async () => {
    const error = await failure(openWorld({ parts: { requestedBackend: "cuda" } }));

    expect(error).toMatchObject({ code: "ERR_POLICY_VIOLATION" });
  });

  test("is asked again at every verification", async () => {
    let leak = 0;
    await using world = await openWorld({
      parts: { policy: "default" },
      wrap: (allocator) =>
        override(allocator, "capacity", (capacity) => async (device) => ({
          ...(await capacity(device)),
          stagingBytes: byteCount(leak, "stagingBytes"),
        })),
    });
    const shard = await world.manager.sealModel(weights(5000));
    leak = 512 * 1024 * 1024;

    const error = await failure(world.manager.verifySealed(shard));
    leak = 0;

    expect(error).toMatchObject({ code: "ERR_POLICY_VIOLATION" });
    expect(world.types()).toContain("PolicyViolation");
    expect(world.events("SealVerificationFailed")[0]).toMatchObject({ reason: "policy" });
    expect(world.manager.shards()[0]?.state).toBe("sealed");
  });
});
