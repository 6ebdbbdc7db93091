import { describe, expect, test } from "bun:test";
import { openLogSource } from "@vram-residency/audit/file";
import { memoryFileSystem } from "@vram-residency/testing";
import { hasCode } from "@vram-residency/types";
import { change, DIRECTORY, logBench } from "./log-bench.ts";

async function reasonOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (hasCode(error, "ERR_SOURCE")) return error.detail.reason;
    throw error;
  }
  return "read";
}

describe("the source of a directory", () => {
  test("reads checkpoint before anything else, and leaves out checkpoints that come later", async () => {
    const { files, open } = logBench();
    await using log = await open();
    const order: string[] = [];
    const watched = {
      ...files,
      open: (path: string, options: Parameters<typeof files.open>[1]) => {
        order.push(path.slice(DIRECTORY.length + 1));
        return files.open(path, options);
      },
      list: (path: string) => {
        order.push("list");
        return files.list(path);
      },
    };
    await using source = await openLogSource(watched, DIRECTORY);
    const before = files.get(`${DIRECTORY}/checkpoints`).length;
    await log.append(change(1));
    await log.checkpoint();
    let bytes = 0;
    for await (const chunk of source.checkpoints) bytes += chunk.length;

    expect(order).toEqual(["checkpoint", "checkpoints", "list"]);
    expect(bytes).toBe(before);
  });

  test("gives segments in order, with what the next one says of each, and closes every file", async () => {
    const { files, open } = logBench();
    const log = await open();
    files.fail({ operation: "dataSync", at: 1, code: "EIO" });
    const keepBytes = files.get(`${DIRECTORY}/00000000000000000000.jsonl`).length;
    await log.append(change(1));
    await log[Symbol.asyncDispose]();
    const [opens, closes] = [files.calls("open"), files.calls("close")];
    const seen: unknown[] = [];
    {
      await using source = await openLogSource(files, DIRECTORY);
      for await (const { chunks, ...rest } of source.segments) {
        let bytes = 0;
        for await (const chunk of chunks) bytes += chunk.length;
        seen.push({ ...rest, read: bytes > 0 });
      }
    }

    expect(seen).toEqual([
      { firstSeq: 0, keepBytes, read: true },
      { firstSeq: 1, read: true },
    ]);
    expect(files.calls("close") - closes).toBe(files.calls("open") - opens);
  });

  test("says what cannot be read: a directory that is missing, a file that is broken", async () => {
    expect(await reasonOf(openLogSource(memoryFileSystem(), "/nowhere"))).toBe("unreadable");
    const { files, open } = logBench();
    await (await open())[Symbol.asyncDispose]();
    for (let at = 1; at <= 4; at += 1) {
      files.fail({ operation: "read", at, code: "EIO" });
      const whole = async (): Promise<void> => {
        await using source = await openLogSource(files, DIRECTORY);
        for await (const _ of source.checkpoints);
        for await (const { chunks } of source.segments) for await (const _ of chunks);
      };
      expect([at, await reasonOf(whole())]).toEqual([at, "unreadable"]);
    }
  });

  test("an empty directory has no segments, no checkpoints and no head", async () => {
    const files = memoryFileSystem();
    await files.makeDirectory(DIRECTORY);
    await using source = await openLogSource(files, DIRECTORY);

    expect(source.head).toBe(undefined);
    expect(source.checkpoints).toEqual([]);
  });
});
