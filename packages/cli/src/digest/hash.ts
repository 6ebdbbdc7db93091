import { createDigest, toHex } from "@vram-residency/crypto";
import { nodeDigester } from "@vram-residency/crypto/node";
import { hasCode } from "@vram-residency/types";
import { systemReason } from "../report.ts";
import type { Terminal } from "../terminal.ts";
import { hashNatively } from "./native.ts";
import type { Progress } from "./progress.ts";
import { readPath, readStream } from "./read.ts";
import { type HashTask, STANDARD_INPUT } from "./tasks.ts";

/** Files that are hashed at a time. In JavaScript one thread hashes them; the others' reads overlap with it. */
const PARALLEL = 4;

/** What hashed: the native library, or JavaScript with the runtime's own SHA-256. */
export type Engine = "native" | "javascript";

/** What became of it. */
export type Hashed =
  | { readonly digest: string; readonly bytes: number; readonly engine: Engine }
  | { readonly digest?: undefined; readonly reason: string };

/** Hashes files and standard input, several at a time, and yields what became of each in the order given. */
export async function* hashAll<Task extends HashTask>(
  tasks: readonly Task[],
  terminal: Terminal,
  progress: Progress,
): AsyncGenerator<readonly [Task, Hashed]> {
  const parallel = Math.min(PARALLEL, tasks.length);
  yield* inOrder(tasks, PARALLEL, async (task) => {
    try {
      const native =
        task.name === STANDARD_INPUT ? undefined : await hashNatively(task, terminal, progress, parallel);
      if (native === undefined) return [task, await hashOne(task, terminal, progress)] as const;
      progress.finishOne();
      return [task, { ...native, engine: "native" }] as const;
    } catch (error) {
      if (hasCode(error, "ERR_CANCELLED")) throw error;
      return [task, { reason: systemReason(error) }] as const;
    }
  });
}

async function hashOne(
  { name, algorithm }: HashTask,
  terminal: Terminal,
  progress: Progress,
): Promise<Hashed> {
  const { signal } = terminal;
  const chunks = name === STANDARD_INPUT ? readStream(terminal.input(), signal) : readPath(name, signal);
  const stream = createDigest(algorithm, nodeDigester);
  let bytes = 0;
  for await (const chunk of chunks) {
    stream.update(chunk);
    bytes += chunk.length;
    progress.add(chunk.length);
  }
  progress.finishOne();
  return { digest: toHex(stream.digest()), bytes, engine: "javascript" };
}

/**
 * Works on at most `limit` items at a time and yields results in the items' order. The first failure ends it.
 *
 * @param limit - At least 1.
 */
export async function* inOrder<Item, Result>(
  items: readonly Item[],
  limit: number,
  work: (item: Item) => Promise<Result>,
): AsyncGenerator<Result> {
  const running: Promise<Result>[] = [];
  const waiting = items.values();
  for (;;) {
    while (running.length < limit) {
      const { done, value } = waiting.next();
      if (done === true) break;
      const result = work(value);
      // Its turn to be awaited may come after its failure.
      result.catch(() => {});
      running.push(result);
    }
    const first = running.shift();
    if (first === undefined) return;
    yield await first;
  }
}
