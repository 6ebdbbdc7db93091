import { expect, test } from "bun:test";
import { auditEvent, MemorySink } from "@vram-residency/audit";
import { fakeClock, seededRandom } from "@vram-residency/testing";
import fc from "fast-check";
import { unavailableReason } from "./failure.ts";

const event = auditEvent("PolicyChanged", { from: "a", to: "b" });

function sinkOf(recordsMax?: number): MemorySink {
  const random = seededRandom(1);
  return new MemorySink({ clock: fakeClock(), random, ...(recordsMax === undefined ? {} : { recordsMax }) });
}

test("opens with LogOpened, says that it is not tamper-evident, and closes with a LogClosed that counts itself", async () => {
  const sink = sinkOf();
  await sink.append(event);
  expect(sink.state).toBe("ready");
  await sink[Symbol.asyncDispose]();
  await sink[Symbol.asyncDispose]();

  expect(sink.state).toBe("closed");
  expect(sink.records().map(({ type }) => type)).toEqual(["LogOpened", "PolicyChanged", "LogClosed"]);
  expect(sink.records()[0]?.data).toEqual({ sink: "memory", tamperEvident: false });
  expect(sink.records()[2]?.data).toEqual({ records: 3 });
});

test("refuses records once it is closed", async () => {
  const sink = sinkOf();
  await sink[Symbol.asyncDispose]();

  expect(await unavailableReason(sink.append(event))).toBe("closed");
  expect(sink.records()).toHaveLength(2);
});

test("numbers without gaps, keeps the newest within its bound, and counts what it forgot", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 9 }), fc.nat({ max: 40 }), async (recordsMax, count) => {
      const sink = sinkOf(recordsMax);
      for (let index = 1; index <= count; index += 1) expect((await sink.append(event)).seq).toBe(index);

      const kept = sink.records().map(({ seq }) => seq);
      expect(kept.length).toBeLessThanOrEqual(recordsMax);
      expect(kept).toEqual(Array.from({ length: kept.length }, (_, index) => sink.forgotten + index));
      expect(sink.forgotten + kept.length).toBe(count + 1);
    }),
  );
});

test("stamps a record with log, epoch, wall time and monotonic time, and nobody can change it afterwards", async () => {
  const clock = fakeClock({ wall: Date.UTC(2026, 0, 1), mono: 5_000_000n });
  const sink = new MemorySink({ clock, random: seededRandom(1) });
  clock.advance(1.5);
  const { log } = await sink.append(event);
  const [first, second] = sink.records();

  expect(log).toMatch(/^[0-9a-f]{32}$/);
  expect(second).toMatchObject({ log, seq: 1, epoch: first?.epoch, mono: "6500000" });
  expect(second?.time).toBe("2026-01-01T00:00:00.001Z");
  expect(second?.epoch).not.toBe(log);
  expect(Object.isFrozen(second)).toBe(true);
});

test("hands out a list of its own", async () => {
  const sink = sinkOf();
  const taken = sink.records() as unknown[];
  taken.pop();

  expect(sink.records()).toHaveLength(1);
});
