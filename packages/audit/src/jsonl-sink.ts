import { utf8 } from "@vram-residency/crypto";
import type {
  AuditEvent,
  AuditReceipt,
  AuditSink,
  Clock,
  FileHandle,
  FileSystem,
  Random,
  Timers,
} from "@vram-residency/types";
import { auditEvent } from "./event.ts";
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
 * dropped the pages, so nothing is retried on that file.
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
  #writing: Promise<void> | undefined;

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
   * @throws {@link VramError} `ERR_AUDIT_UNAVAILABLE` when that fails.
   */
  static async open(options: JsonlSinkOptions): Promise<JsonlSink> {
    const recorder = new Recorder(options.clock, options.random);
    const path = `${options.directory}/${recorder.log}.jsonl`;
    let file: FileHandle | undefined;
    try {
      await options.fileSystem.makeDirectory(options.directory, 0o700);
      file = await options.fileSystem.open(path, { mode: "create", noFollow: true, permissions: 0o600 });
      await options.fileSystem.syncDirectory(options.directory);
      const sink = new JsonlSink(path, file, recorder, options);
      await sink.append(auditEvent("LogOpened", { sink: "jsonl", tamperEvident: false }));
      return sink;
    } catch (cause) {
      await file?.[Symbol.asyncDispose]();
      throw unavailable(
        "the file could not be made; check the directory's permissions and free space",
        cause,
      );
    }
  }

  get state(): "ready" | "failed" | "closed" {
    return this.#state;
  }

  append(event: AuditEvent): Promise<AuditReceipt> {
    if (this.#state !== "ready") return Promise.reject(unavailable(this.#state));
    if (this.#queue.length >= this.#queueMax) return Promise.reject(unavailable("queue full"));
    return new Promise((resolve, reject) => {
      this.#queue.push({ event, resolve, reject });
      this.#writing ??= this.#drain();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state === "closed") return;
    if (this.#state === "ready") {
      // The record counts itself.
      await this.append(
        auditEvent("LogClosed", { records: this.#recorder.count + this.#queue.length + 1 }),
      ).catch(() => {});
    }
    this.#state = "closed";
    await this.#writing;
    await this.#file[Symbol.asyncDispose]();
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
        this.#state = "failed";
        const error = unavailable("a write or sync failed or took too long", cause);
        for (const waiting of [...batch, ...this.#queue.splice(0)]) waiting.reject(error);
      }
    }
    this.#writing = undefined;
  }

  async #write(batch: readonly Waiting[]): Promise<readonly AuditReceipt[]> {
    const records = batch.map(({ event }) => this.#recorder.number(event));
    let rest = utf8(records.map((record) => `${JSON.stringify(record)}\n`).join(""));
    while (rest.length > 0) {
      const written = await this.#file.write(rest);
      if (written === 0) throw unavailable("the file takes no more bytes");
      rest = rest.subarray(written);
    }
    await this.#file.dataSync();
    // A file that was unlinked takes every write and keeps none.
    if ((await this.#file.stat()).links === 0) throw unavailable("the file was removed");
    return records.map(({ log, seq }) => ({ log, seq }));
  }

  #within<Result>(work: Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      const cancel = this.#timers.after(this.#deadlineMs, () => reject(unavailable("deadline")));
      work.then(resolve, reject).finally(cancel);
    });
  }
}
