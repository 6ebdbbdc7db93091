/** Sources in memory, blobs and streams that lie, stop, never end, or change underneath. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { ByteSource } from "@vram-residency/types";
import { books, failure, NOTHING, openWorld, type World, weights } from "./world.ts";

const KIB = 1024;
const unhandled: unknown[] = [];
const note = (error: unknown): void => void unhandled.push(error);
beforeAll(() => void process.on("unhandledRejection", note));
afterAll(async () => {
  await new Promise((resolve) => setTimeout(resolve, 10));
  process.off("unhandledRejection", note);
  expect(unhandled).toEqual([]);
});

/** Seals, which must fail. @returns The code and reason, when nothing is left of the attempt. */
async function refusal(source: unknown, options: object = {}, within?: World): Promise<string> {
  const world = within ?? (await openWorld());
  const { code, detail } = await failure(world.manager.sealModel(source as ByteSource, options));
  expect(await books(world)).toEqual(NOTHING);
  expect(world.manager.shards()).toEqual([]);
  await world.manager.close();
  return "reason" in detail && code === "ERR_SOURCE" ? `${code} ${detail.reason}` : code;
}

function stream(...chunks: readonly unknown[]): ReadableStream {
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });
}

describe("memory", () => {
  test("in a SharedArrayBuffer is sealed with the bytes that were copied, whatever a writer does", async () => {
    await using world = await openWorld();
    const shared = new Uint8Array(new SharedArrayBuffer(700 * KIB));
    let calls = 0;
    const shard = await world.manager.sealModel(shared, { onProgress: () => shared.fill(++calls) });

    await world.manager.verifySealed(shard);
    expect(calls).toBeGreaterThan(2);
  });

  test("that is transferred away while it is read is refused", async () => {
    const bytes = weights(700 * KIB);
    const onProgress = (): void => {
      if (bytes.length > 0) structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
    };
    expect(await refusal(bytes, { onProgress })).toBe("ERR_SOURCE changed");
  });

  test.each([
    ["of fixed length", (buffer: ArrayBuffer) => new Uint8Array(buffer, 0, 700 * KIB)],
    ["that follows its buffer", (buffer: ArrayBuffer) => new Uint8Array(buffer)],
  ])("in a resizable buffer that shrinks while it is read is refused, as a view %s", async (_, view) => {
    const Resizable = ArrayBuffer as unknown as new (bytes: number, options: object) => ArrayBuffer;
    const buffer = new Resizable(700 * KIB, { maxByteLength: 800 * KIB });
    const onProgress = (): void => void Reflect.apply(Reflect.get(buffer, "resize"), buffer, [10]);

    expect(await refusal(view(buffer), { onProgress })).toBe("ERR_SOURCE changed");
  });

  test("whose class lies about its length is read as what it is", async () => {
    class Liar extends Uint8Array {
      override get length(): number {
        return 5;
      }
      override slice(): Uint8Array<ArrayBuffer> {
        throw new Error("was asked");
      }
    }
    await using world = await openWorld();
    const shard = await world.manager.sealModel(new Liar(100));

    expect(shard.vramBytes).toBe(100);
  });
});

describe("a blob", () => {
  class Lying extends Blob {
    readonly lie: number;
    constructor(lie: number) {
      super([new Uint8Array(100)]);
      this.lie = lie;
    }
    override get size(): number {
      return this.lie;
    }
  }
  const with_ = (overrides: object): Blob =>
    Object.defineProperties(
      new Blob([new Uint8Array(100)]),
      Object.getOwnPropertyDescriptors(overrides),
    ) as Blob;
  const boom = (): never => {
    throw new Error("the caller's own words");
  };

  test.each([
    ["that claims more than it has", () => new Lying(200), "ERR_SOURCE truncated"],
    ["of no bytes", () => new Blob([]), "ERR_INPUT_INVALID"],
    ["of a size that is no number", () => new Lying(Number.NaN), "ERR_INPUT_INVALID"],
    ["of a size below zero", () => new Lying(-1), "ERR_INPUT_INVALID"],
    ["of a size beyond everything", () => new Lying(2 ** 52), "ERR_SOURCE too-large"],
    [
      "whose size throws",
      () =>
        with_({
          get size(): never {
            return boom();
          },
        }),
      "ERR_INPUT_INVALID",
    ],
    ["whose slice throws", () => with_({ slice: boom }), "ERR_SOURCE unreadable"],
    ["whose slice is no blob", () => with_({ slice: () => 5 }), "ERR_SOURCE unreadable"],
    [
      "whose bytes are none",
      () => with_({ slice: () => ({ arrayBuffer: () => Promise.resolve("text") }) }),
      "ERR_SOURCE truncated",
    ],
  ])("%s is refused", async (_, make, code) => {
    expect(await refusal(make())).toBe(code);
  });
});

describe("a stream", () => {
  const sized = (source: ReadableStream, bytes = 100): unknown => ({ stream: source, bytes });

  test.each([
    ["of text", () => sized(stream("a".repeat(100))), "ERR_SOURCE unreadable"],
    ["of wide elements", () => sized(stream(new Uint16Array(50))), "ERR_SOURCE unreadable"],
    ["of nothing", () => sized(stream()), "ERR_SOURCE truncated"],
    ["of too little", () => sized(stream(new Uint8Array(99))), "ERR_SOURCE truncated"],
    ["of too much", () => sized(stream(new Uint8Array(101))), "ERR_SOURCE changed"],
    ["of a length of zero", () => sized(stream(), 0), "ERR_INPUT_INVALID"],
    [
      "that fails",
      () => sized(new ReadableStream({ pull: () => Promise.reject(new Error("no")) })),
      "ERR_SOURCE unreadable",
    ],
    [
      "that throws",
      () =>
        sized(
          new ReadableStream({
            pull: () => {
              throw new Error("no");
            },
          }),
        ),
      "ERR_SOURCE unreadable",
    ],
    [
      "that gives nothing, for ever",
      () => sized(new ReadableStream({ pull: (to) => to.enqueue(new Uint8Array(0)) })),
      "ERR_SOURCE unreadable",
    ],
  ])("%s is refused", async (_, make, code) => {
    expect(await refusal(make())).toBe(code);
  });

  test("that somebody reads already is refused, and stays theirs", async () => {
    const taken = stream(new Uint8Array(100));
    const reader = taken.getReader();

    expect(await refusal(sized(taken))).toBe("ERR_INPUT_INVALID");
    expect((await reader.read()).value).toHaveLength(100);
  });

  test("of chunks whose class lies about their length is read as what it is", async () => {
    class Liar extends Uint8Array {
      override get length(): number {
        return 0.5;
      }
    }
    await using world = await openWorld();
    const shard = await world.manager.sealModel({
      stream: stream(new Liar(60), new Uint8Array(0), new Liar(40)),
      bytes: 100,
    });

    await world.manager.verifySealed(shard);
  });

  test.each(["the caller", "a deadline", "closing"])(
    "that never ends is given up by %s, also when it never cancels",
    async (by) => {
      const world = await openWorld();
      let cancelled = false;
      const endless = new ReadableStream({
        pull: () => new Promise(() => {}),
        cancel: () => {
          cancelled = true;
          return new Promise(() => {});
        },
      });
      const controller = new AbortController();
      const sealing = failure(
        world.manager.sealModel(
          { stream: endless, bytes: 100 },
          { signal: controller.signal, deadlineMs: 1000 },
        ),
      );
      await new Promise((resolve) => setTimeout(resolve, 0));
      if (by === "the caller") controller.abort();
      else if (by === "a deadline") world.clock.advance(1000);
      else await world.manager.close();
      const { code } = await sealing;

      expect(code).toBe(by === "a deadline" ? "ERR_DEADLINE" : "ERR_CANCELLED");
      expect(world.control.live()).toBe(0);
      await world.manager.close();
      expect(cancelled).toBe(true);
      expect(world.timers.pending()).toBe(0);
    },
  );
});

describe("the caller's own code", () => {
  test("a signal that was aborted before is obeyed before anything is opened", async () => {
    await using world = await openWorld();
    world.files.put("/m", weights(100));
    expect(await refusal("/m", { signal: AbortSignal.abort() }, world)).toBe("ERR_CANCELLED");
    expect(world.files.calls("open")).toBe(0);
  });

  test("a progress callback that throws, or that rejects, ends the call", async () => {
    const boom = (): never => {
      throw new Error("the caller's own words");
    };
    expect(await refusal(weights(700 * KIB), { onProgress: boom })).toBe("ERR_INPUT_INVALID");
    expect(await refusal(weights(700 * KIB), { onProgress: async () => boom() })).toBe("ERR_INPUT_INVALID");
  });

  test("a progress callback may close the manager", async () => {
    const world = await openWorld();
    const onProgress = (): void => void world.manager.close();
    expect((await failure(world.manager.sealModel(weights(700 * KIB), { onProgress }))).code).toBe(
      "ERR_CANCELLED",
    );
    await world.manager.close();
    expect(world.control.live()).toBe(0);
  });

  test.each([
    ["stat", 1],
    ["stat", 2],
    ["read", 1],
    ["read", 2],
    ["open", 1],
  ] as const)("a disk that fails %s call %d is an unreadable source", async (operation, call) => {
    await using world = await openWorld();
    world.files.put("/m", weights(700 * KIB));
    world.files.fail({ operation, at: call, code: "EIO" });

    expect(await refusal("/m", {}, world)).toBe("ERR_SOURCE unreadable");
    expect(world.files.fired()).toHaveLength(1);
  });
});
