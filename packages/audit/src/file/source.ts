import { assertPort } from "@vram-residency/crypto";
import { type FileHandle, type FileSystem, VramError } from "@vram-residency/types";
import { CHECKPOINT_BYTES_MAX } from "../log/checkpoint.ts";
import { LINE_BYTES_MAX, parseLine } from "../log/line.ts";
import type { LogSegment, LogSource } from "../log/verify.ts";
import { chunksOf, isMissing, openToRead, readFile, readRange } from "./files.ts";
import { CHECKPOINT_FILE, CHECKPOINTS_FILE, segmentFile, segmentsAmong } from "./names.ts";

/**
 * Opens a log's directory for `verifyLog`: in constant memory, and also beside a live writer.
 *
 * `checkpoint` is read before anything else. What the writer adds to `checkpoints` from then on is left out.
 *
 * @throws {@link VramError} `ERR_SOURCE` with reason "unreadable" when the directory or a file of it cannot be read; so
 * do the iterables of the source.
 */
export async function openLogSource(
  fileSystem: FileSystem,
  directory: string,
): Promise<LogSource & AsyncDisposable> {
  assertPort(fileSystem, "fileSystem", "open", "list");
  return await readable(async () => {
    const head = await readFile(fileSystem, `${directory}/${CHECKPOINT_FILE}`, CHECKPOINT_BYTES_MAX + 1);
    const notes = await openToRead(fileSystem, `${directory}/${CHECKPOINTS_FILE}`);
    try {
      const notesBytes = (await notes?.stat())?.bytes ?? 0;
      const firsts = segmentsAmong(await fileSystem.list(directory));
      return {
        segments: segmentsOf(fileSystem, directory, firsts),
        checkpoints: notes === undefined ? [] : guarded(chunksOf(notes, 0, notesBytes)),
        ...(head === undefined ? {} : { head }),
        async [Symbol.asyncDispose]() {
          await notes?.[Symbol.asyncDispose]();
        },
      };
    } catch (error) {
      await notes?.[Symbol.asyncDispose]();
      throw error;
    }
  });
}

async function* segmentsOf(
  fileSystem: FileSystem,
  directory: string,
  firsts: readonly number[],
): AsyncGenerator<LogSegment, void> {
  let file: FileHandle | undefined;
  let next: FileHandle | undefined;
  const open = (firstSeq: number | undefined): Promise<FileHandle | undefined> =>
    firstSeq === undefined
      ? Promise.resolve(undefined)
      : readable(() =>
          fileSystem.open(`${directory}/${segmentFile(firstSeq)}`, { mode: "read", noFollow: true }),
        );
  try {
    next = await open(firsts[0]);
    for (const [index, firstSeq] of firsts.entries()) {
      file = next;
      next = await open(firsts[index + 1]);
      if (file === undefined) return;
      const following = next;
      const keepBytes = following && (await readable(() => keepBytesIn(following)));
      const chunks = guarded(chunksOf(file, 0, Number.POSITIVE_INFINITY));
      yield { firstSeq, chunks, ...(keepBytes === undefined ? {} : { keepBytes }) };
      await file[Symbol.asyncDispose]();
      file = undefined;
    }
  } finally {
    await file?.[Symbol.asyncDispose]();
    await next?.[Symbol.asyncDispose]();
  }
}

/** How much of the segment before a segment counts, by the latter's first record; undefined: all of it. */
export async function keepBytesIn(segment: FileHandle): Promise<number | undefined> {
  const bytes = await readRange(segment, 0, LINE_BYTES_MAX + 1);
  try {
    const { type, data } = parseLine(bytes.subarray(0, Math.max(0, bytes.indexOf(0x0a))));
    const { keepBytes } = data;
    return type === "AuditRecovered" && typeof keepBytes === "number" && keepBytes >= 0
      ? keepBytes
      : undefined;
  } catch {
    // Whoever verifies finds the line itself wrong.
    return undefined;
  }
}

async function* guarded(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  const iterator = chunks[Symbol.asyncIterator]();
  for (;;) {
    const { done, value } = await readable(() => iterator.next());
    if (done === true) return;
    yield value;
  }
}

async function readable<Result>(read: () => Promise<Result>): Promise<Result> {
  try {
    return await read();
  } catch (cause) {
    const what = isMissing(cause) ? "is not there" : "cannot be read";
    throw new VramError(
      "ERR_SOURCE",
      `the audit log ${what}: check the path and who may read it`,
      { reason: "unreadable" },
      { cause },
    );
  }
}
