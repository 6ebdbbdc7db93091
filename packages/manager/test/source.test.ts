import { describe, expect, test } from "bun:test";
import { memoryFileSystem } from "@vram-residency/testing";
import type { ByteSource, FileSystem, OpenedSource } from "@vram-residency/types";
import { openSource } from "../src/source.ts";
import { failure, weights } from "./world.ts";

/** Reads a source to its end. */
async function drain(source: OpenedSource, chunkBytes = 1000): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const run of source.chunks(chunkBytes)) {
    expect(run.length).toBeLessThanOrEqual(chunkBytes);
    parts.push(run.slice());
  }
  return new Uint8Array(Buffer.concat(parts));
}

function blobOf(bytes: Uint8Array): Blob {
  return new Blob([bytes as Uint8Array<ArrayBuffer>]);
}

function streamOf(...runs: readonly unknown[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const run of runs) controller.enqueue(run as Uint8Array);
      controller.close();
    },
  });
}

async function filesWith(bytes: Uint8Array): Promise<ReturnType<typeof memoryFileSystem>> {
  const files = memoryFileSystem();
  await using file = await files.open("/f", { mode: "create" });
  await file.write(bytes, 0);
  return files;
}

async function reasonOf(source: ByteSource, files: FileSystem = memoryFileSystem()): Promise<unknown> {
  const error = await failure(
    (async () => {
      await using opened = await openSource(source, files);
      await drain(opened);
    })(),
  );
  expect(error.code).toBe("ERR_SOURCE");
  return (error.detail as { reason: string }).reason;
}

describe("every kind of source", () => {
  const bytes = weights(10_500);

  test("gives the same bytes, in runs of any size, and again by range unless it is a stream", async () => {
    const files = await filesWith(bytes);
    const sources: readonly ByteSource[] = [
      bytes,
      "/f",
      blobOf(bytes),
      { stream: streamOf(bytes.subarray(0, 9000), bytes.subarray(9000)), bytes: bytes.length },
    ];
    for (const source of sources) {
      await using opened = await openSource(source, files);
      expect(opened.bytes as number).toBe(bytes.length);
      expect(await drain(opened)).toEqual(bytes);
      expect(opened.readRange === undefined).toBe(opened.kind === "stream");
      expect(await opened.readRange?.(4000, 7)).toEqual(
        opened.kind === "stream" ? undefined : bytes.slice(4000, 4007),
      );
    }
  });

  test("can be left in the middle", async () => {
    const files = await filesWith(bytes);
    for (const source of ["/f", bytes, { stream: streamOf(bytes), bytes: bytes.length }] as const) {
      await using opened = await openSource(source, files);
      for await (const run of opened.chunks(1000)) {
        expect(run).toEqual(bytes.slice(0, 1000));
        break;
      }
    }
  });
});

describe("a source that is not what it said", () => {
  test("an array that shrinks", async () => {
    const buffer = new ArrayBuffer(4000, { maxByteLength: 4000 });
    const opened = await openSource(new Uint8Array(buffer), memoryFileSystem());
    buffer.resize(1000);

    expect(await failure(drain(opened))).toMatchObject({ detail: { reason: "changed" } });
  });

  test("a blob that cannot be read, and one that gives less", async () => {
    class Broken extends Blob {
      override slice(): Blob {
        throw new Error("mine");
      }
    }
    class Short extends Blob {
      override slice(): Blob {
        return new Blob(["x"]);
      }
    }

    expect(await reasonOf(new Broken(["abc"]))).toBe("unreadable");
    expect(await reasonOf(new Short(["abc"]))).toBe("truncated");
  });

  test("a stream that is locked, ends early, goes on too long, fails, or gives no bytes", async () => {
    const locked = streamOf(Uint8Array.of(1));
    locked.getReader();
    const failing = new ReadableStream<Uint8Array>({
      pull() {
        throw new Error("mine");
      },
    });

    expect(await reasonOf({ stream: locked, bytes: 1 })).toBe("unreadable");
    expect(await reasonOf({ stream: streamOf(Uint8Array.of(1)), bytes: 2 })).toBe("truncated");
    expect(await reasonOf({ stream: streamOf(Uint8Array.of(1, 2)), bytes: 1 })).toBe("changed");
    expect(await reasonOf({ stream: failing, bytes: 1 })).toBe("unreadable");
    expect(await reasonOf({ stream: streamOf("text"), bytes: 4 })).toBe("unreadable");
  });

  test("a file that is missing, no file, cannot be read, or becomes shorter", async () => {
    const files = await filesWith(weights(5000));
    await files.makeDirectory("/d");

    expect(await reasonOf("/missing", files)).toBe("unreadable");
    expect(await reasonOf("/d", files)).toBe("unreadable");

    files.fail({ operation: "read", at: 2, code: "EIO" });
    expect(await reasonOf("/f", files)).toBe("unreadable");

    const opened = await openSource("/f", files);
    await using file = await files.open("/f", { mode: "read-write" });
    await file.truncate(1000);
    expect(await failure(drain(opened))).toMatchObject({ detail: { reason: "truncated" } });
  });
});
