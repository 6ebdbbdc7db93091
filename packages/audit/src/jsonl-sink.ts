import {
  assertPort,
  assertText,
  isWellFormed,
  readOptions,
  refuseArgument,
  utf8,
} from "@vram-residency/crypto";
import {
  type AuditEvent,
  type AuditReceipt,
  type AuditSink,
  byteCount,
  type Clock,
  type FileHandle,
  type FileSystem,
  type Random,
  type Timers,
} from "@vram-residency/types";
import { auditEvent, checkedEvent } from "./event.ts";
import { Recorder } from "./record.ts";
import { unavailable } from "./unavailable.ts";

/** Parts and limits of a {@link JsonlSink}. */
export interface JsonlSinkOptions {
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  /** Where the file is made. Made when missing. */
  readonly directory: string;
  /** Longest a batch may take to reach the disk. Unit: ms. Default 2000. */
  readonly deadlineMs?: number;
  /** Most events waiting. Default 4096. */
  readonly queueMax?: number;
}

interface Waiting {
  readonly event: AuditEvent;
  readonly resolve: (receipt: AuditReceipt) => void;
  readonly reject: (error: unknown) => void;
}

const BATCH_MAX = 64;

/**
 * A new file of one JSON object per line, each synced before it is acknowledged. Durable, but *not* tamper-evident.
 *
 * One writer; what arrives during a sync is the next batch. Any failure is final: after a failed sync the kernel may have
 * dropped the pages, so nothing is retried on that file. A file that was removed, or whose length is not what was written,
 * is a failure too.
 */
export class JsonlSink implements AuditSink {
  /** The file's path. */
  readonly path: string;
  readonly #file: FileHandle;
  readonly #recorder: Recorder;
  readonly #timers: Timers;
  readonly #deadlineMs: number;
  readonly #queueMax: number;
  readonly #queue: Waiting[] = [];
  #state: "ready" | "failed" | "closed" = "ready";
  #broken = false;
  /** What has been written. Unit: bytes. */
  #bytes = 0;
  #writing: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  private constructor(path: string, file: FileHandle, recorder: Recorder, options: JsonlSinkOptions) {
    this.path = path;
    this.#file = file;
    this.#recorder = recorder;
    this.#timers = options.timers;
    this.#deadlineMs = options.deadlineMs ?? 2000;
    this.#queueMax = options.queueMax ?? 4096;
  }

  /**
   * Makes the directory and a new file in it, and records `LogOpened`.
   *
   * @throws {@link VramError} `ERR_AUDIT_UNAVAILABLE` when that fails, `ERR_INPUT_INVALID` for options that are none.
   */
  static async open(from: JsonlSinkOptions): Promise<JsonlSink> {
    const options = checkedOptions(from);
    const recorder = new Recorder(options.clock, options.random);
    const path = `${options.directory}/${recorder.log}.jsonl`;
    let opened: AsyncDisposable | undefined;
    try {
      await options.fileSystem.makeDirectory(options.directory, 0o700);
      const file = await options.fileSystem.open(path, {
        mode: "create",
        noFollow: true,
        permissions: 0o600,
      });
      opened = file;
      await options.fileSystem.syncDirectory(options.directory);
      const sink = new JsonlSink(path, file, recorder, options);
      opened = sink;
      await sink.append(auditEvent("LogOpened", { sink: "jsonl", tamperEvident: false }));
      return sink;
    } catch (cause) {
      await opened?.[Symbol.asyncDispose]();
      throw unavailable(
        "the file could not be made; check the directory's permissions and free space",
        cause,
      );
    }
  }

  get state(): "ready" | "failed" | "closed" {
    return this.#state;
  }

  async append(event: AuditEvent): Promise<AuditReceipt> {
    if (this.#state !== "ready") throw unavailable(this.#state);
    if (this.#queue.length >= this.#queueMax) throw unavailable("queue full");
    return await this.#enqueue(checkedEvent(event));
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const wasReady = this.#state === "ready";
    // First of all, so that nothing is recorded behind LogClosed.
    this.#state = "closed";
    if (wasReady) {
      // The record counts itself.
      const records = this.#recorder.count + this.#queue.length + 1;
      await this.#enqueue(auditEvent("LogClosed", { records })).catch(() => {});
    }
    await this.#writing;
    // A disk that hangs must not hang whoever closes; what was acknowledged is synced already.
    await this.#within(Promise.resolve(this.#file[Symbol.asyncDispose]())).catch(() => {});
  }

  #enqueue(event: AuditEvent): Promise<AuditReceipt> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ event, resolve, reject });
      this.#writing ??= this.#drain();
    });
  }

  async #drain(): Promise<void> {
    while (this.#queue.length > 0) {
      const batch = this.#queue.splice(0, BATCH_MAX);
      try {
        const receipts = await this.#within(this.#write(batch));
        batch.forEach((waiting, index) => {
          const receipt = receipts[index];
          if (receipt !== undefined) waiting.resolve(receipt);
        });
      } catch (cause) {
        this.#broken = true;
        if (this.#state === "ready") this.#state = "failed";
        const error = unavailable("a write or sync failed or took too long", cause);
        for (const waiting of [...batch, ...this.#queue.splice(0)]) waiting.reject(error);
      }
    }
    this.#writing = undefined;
  }

  async #write(batch: readonly Waiting[]): Promise<readonly AuditReceipt[]> {
    const records = batch.map(({ event }) => this.#recorder.number(event));
    const bytes = utf8(records.map((record) => `${JSON.stringify(record)}\n`).join(""));
    await this.#assertIntact();
    for (let done = 0; done < bytes.length; ) {
      const written = await this.#step(this.#file.write(bytes.subarray(done), this.#bytes));
      if (written === 0) throw unavailable("the file takes no more bytes");
      done += written;
      this.#bytes += written;
    }
    await this.#step(this.#file.dataSync());
    // Once more: a file that was removed meanwhile takes every write and keeps none.
    await this.#assertIntact();
    return records.map(({ log, seq }) => ({ log, seq }));
  }

  async #assertIntact(): Promise<void> {
    const { links, bytes } = await this.#step(this.#file.stat());
    if (links === 0) throw unavailable("the file was removed");
    if (bytes !== this.#bytes) throw unavailable("the file was changed by somebody else");
  }

  /** Waits for one file call. Past the deadline no further one is made. */
  async #step<Result>(call: Promise<Result>): Promise<Result> {
    const result = await call;
    if (this.#broken) throw unavailable("deadline");
    return result;
  }

  #within<Result>(work: Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      const cancel = this.#timers.after(this.#deadlineMs, () => reject(unavailable("deadline")));
      work.then(resolve, reject).finally(cancel);
    });
  }
}

function checkedOptions(from: JsonlSinkOptions): JsonlSinkOptions {
  const names = ["fileSystem", "clock", "timers", "random", "directory", "deadlineMs", "queueMax"] as const;
  const options = readOptions(from, "options", names);
  const { fileSystem, timers, directory, deadlineMs, queueMax } = options;
  assertPort(fileSystem, "fileSystem", "makeDirectory", "open", "syncDirectory");
  assertPort(timers, "timers", "after");
  assertText(directory, "directory");
  // An empty one would be the root of all files, and a lone surrogate another name than the one that was meant.
  if (directory === "" || directory.includes("\0") || !isWellFormed(directory)) {
    refuseArgument("directory", "expected a path in well-formed text without NUL");
  }
  if (deadlineMs !== undefined) byteCount(deadlineMs, "deadlineMs");
  if (queueMax !== undefined) byteCount(queueMax, "queueMax");
  return options;
}
