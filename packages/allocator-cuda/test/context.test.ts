import { expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { hasCode } from "@vram-residency/types";
import { STATUS, VR } from "../src/constants.ts";
import { Context, type Work } from "../src/context.ts";
import { VR_CAPACITY } from "../src/layouts.ts";
import { encode } from "../src/struct.ts";
import type { Ticket } from "../src/ticket.ts";
import { ScriptedNative } from "./scripted-native.ts";

interface World {
  readonly script: ScriptedNative;
  readonly context: Context;
}

function world(): World {
  const script = new ScriptedNative();
  return { script, context: new Context(script.native, {}, {}) };
}

function capacity(more: Partial<Work<number>> = {}): Work<number> {
  return {
    stage: { name: "capacity", device: 0 },
    submit: ({ native, context }, out) => native.vr_submit_capacity(context, 0, out),
    take: (ticket: Ticket<number>) => ticket.report(VR_CAPACITY).total_bytes,
    ...more,
  };
}

const report = (total: number): Uint8Array => encode(VR_CAPACITY, { total_bytes: total });

test("work is a promise that settles when the library says it has ended, and its ticket is freed", async () => {
  const { script, context } = world();
  script.onSubmit = ({ ticket }) => void setTimeout(() => script.end(ticket, { report: report(42) }), 1);

  expect(await context.run(capacity())).toBe(42);
  expect(script.freed).toEqual([1n]);
  await context.close();
});

test("several pieces of work end in any order, each with its own answer", async () => {
  const { script, context } = world();
  const answers = [1, 2, 3, 4, 5].map(() => context.run(capacity()));
  for (const ticket of [3n, 1n, 5n, 2n, 4n]) script.end(ticket, { report: report(Number(ticket) * 10) });

  expect(await Promise.all(answers)).toEqual([10, 20, 30, 40, 50]);
  await context.close();
});

test("more events than are taken at once are all taken", async () => {
  const { script, context } = world();
  const answers = Array.from({ length: 200 }, () => context.run(capacity()));
  for (const { ticket } of script.submitted) script.end(ticket, { report: report(Number(ticket)) });

  expect((await Promise.all(answers)).at(-1)).toBe(200);
  await context.close();
});

test("a refused submission rejects with what the library said last", async () => {
  const { script, context } = world();
  script.refuse = {
    status: STATUS.EVRAM,
    needed_bytes: 9n,
    available_bytes: 7,
    largest_bytes: 5,
    foreign_bytes: 3,
  };

  const error: unknown = await context.run(capacity()).catch((thrown: unknown) => thrown);

  expect(hasCode(error, "ERR_VRAM_INSUFFICIENT") && error.detail).toEqual({
    device: 0,
    neededBytes: 9,
    availableBytes: 7,
    largestFreeBytes: 5,
    foreignBytes: 3,
  });
  script.refuse = undefined;
  await context.close();
});

test("an aborted signal cancels the work, and its reason is the answer once the work has ended", async () => {
  const { script, context } = world();
  const controller = new AbortController();
  const reason = new Error("enough");
  script.onCancel = (ticket) => script.end(ticket, { failure: { status: STATUS.ECANCELLED } });

  const answer = context.run(capacity({ signal: controller.signal }));
  controller.abort(reason);

  expect(await answer.catch((error: unknown) => error)).toBe(reason);
  expect(script.cancelled).toEqual([1n]);
  await context.close();
});

test("nothing is submitted under a signal that is aborted already", async () => {
  const { script, context } = world();
  const reason = new Error("enough");

  const answer = context.run(capacity({ signal: AbortSignal.abort(reason) }));

  expect(await answer.catch((error: unknown) => error)).toBe(reason);
  expect(script.submitted).toEqual([]);
  await context.close();
});

test("a result that comes after the signal is undone, and is not the answer", async () => {
  const { script, context } = world();
  const controller = new AbortController();
  const reason = new Error("enough");
  const undone: number[] = [];
  const answer = context.run(
    capacity({ signal: controller.signal, undo: async (result) => undone.push(result) }),
  );

  controller.abort(reason);
  script.end(1n, { report: report(8) });

  expect(await answer.catch((error: unknown) => error)).toBe(reason);
  expect(undone).toEqual([8]);
  await context.close();
});

test("progress only grows, and what its callback throws ends the work", async () => {
  const { script, context } = world();
  const seen: number[] = [];
  const reason = new Error("from the callback");
  script.onCancel = (ticket) => script.end(ticket, { failure: { status: STATUS.ECANCELLED } });
  const answer = context
    .run(
      capacity({
        onProgress(bytes) {
          seen.push(bytes);
          if (bytes === 30) throw reason;
        },
      }),
    )
    .catch((error: unknown) => error);

  for (const bytes of [10, 10, 5, 30, 40]) {
    script.progress(1n, bytes);
    await Bun.sleep(1);
  }

  expect(await answer).toBe(reason);
  expect(seen).toEqual([10, 30]);
  await context.close();
});

test("a deadline is handed to the library, and its end says which limit it was", async () => {
  const { script, context } = world();
  const answer = context.run(capacity({ stage: { name: "digest", device: 0, deadlineMs: 250 } }));

  script.end(1n, { failure: { status: STATUS.EDEADLINE } });

  const error: unknown = await answer.catch((thrown: unknown) => thrown);
  expect(hasCode(error, "ERR_DEADLINE") && error.detail).toEqual({ stage: "digest", limit: 250 });
  expect(script.calls).toContain("vr_deadline");
  await context.close();
});

test("a report that cannot be read rejects its own call alone, and the others go on", async () => {
  const { script, context } = world();
  const [broken, good] = [context.run(capacity()), context.run(capacity())];
  script.end(1n, { report: new Uint8Array(3) });
  script.end(2n, { report: report(6) });

  expect(hasCode(await broken.catch((error: unknown) => error), "ERR_BUG")).toBe(true);
  expect(await good).toBe(6);
  await context.close();
});

test("closing ends what waits with ERR_STATE, can be asked for twice, and gives the descriptor back", async () => {
  const before = readdirSync("/proc/self/fd").length;
  const { script, context } = world();
  const waiting = context.run(capacity()).catch((error: unknown) => error);
  script.end(1n, { failure: { status: STATUS.ECANCELLED } });

  await Promise.all([context.close(), context.close()]);

  expect(hasCode(await waiting, "ERR_STATE")).toBe(true);
  expect(hasCode(await context.run(capacity()).catch((error: unknown) => error), "ERR_STATE")).toBe(true);
  expect(script.calls.filter((name) => name === "vr_close")).toHaveLength(1);
  const count = (): number => readdirSync("/proc/self/fd").length;
  // The runtime's own descriptors of the stream go a little later on a busy machine.
  for (let waits = 0; waits < 100 && count() > before; waits += 1) await Bun.sleep(10);
  expect(count()).toBe(before);
});

test("what feeds the work may fail: the work is cancelled and that failure is the answer", async () => {
  const { script, context } = world();
  const reason = new Error("from the source");
  script.onCancel = (ticket) => script.end(ticket, { failure: { status: STATUS.ECANCELLED } });

  const answer = context.run(
    capacity({
      feed: async () => {
        throw reason;
      },
    }),
  );

  expect(await answer.catch((error: unknown) => error)).toBe(reason);
  await context.close();
});

test("an event of room wakes what waits for it, and so does the end", async () => {
  const { script, context } = world();
  const steps: string[] = [];
  const answer = context.run(
    capacity({
      async feed(ticket) {
        await ticket.room();
        steps.push("room");
        await ticket.room();
        steps.push("end");
      },
    }),
  );

  script.tell(1n, VR.EVENT_ROOM);
  await Bun.sleep(2);
  steps.push("then");
  script.end(1n, { report: report(1) });
  await answer;

  expect(steps).toEqual(["room", "then", "end"]);
  await context.close();
});

test("a process with nothing under way ends by itself", async () => {
  const modules = ["./scripted-native.ts", "../src/context.ts", "../src/layouts.ts"].map((path) =>
    JSON.stringify(new URL(path, import.meta.url).pathname),
  );
  const program = `
    const [{ ScriptedNative }, { Context }] = [await import(${modules[0]}), await import(${modules[1]})];
    const script = new ScriptedNative();
    const context = new Context(script.native, {}, {});
    script.onSubmit = ({ ticket }) => void setTimeout(() => script.end(ticket), 1);
    await context.run({
      stage: { name: "capacity", device: 0 },
      submit: (of, out) => of.native.vr_submit_capacity(of.context, 0, out),
      take: () => undefined,
    });
    console.log("done");`;
  const child = Bun.spawn([process.execPath, "--conditions=vram-residency-source", "-e", program], {
    cwd: import.meta.dir,
    stdout: "pipe",
    timeout: 5000,
  });

  expect((await new Response(child.stdout).text()).trim()).toBe("done");
  expect(await child.exited).toBe(0);
});
