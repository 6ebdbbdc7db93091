/**
 * What the log is compared with: the same lines, with the same MAC and hash, stored by other means.
 *
 * @module
 */
import { Database } from "bun:sqlite";
import { createHmac, hash, randomBytes } from "node:crypto";
import { join } from "node:path";
import { nodeFileSystem } from "../packages/types/src/node/index.ts";
import { BATCH, sampleEvent } from "./audit-sample.ts";

const KEY = randomBytes(32);
const HEX_32 = "0".repeat(32);

/** Makes chained lines with a MAC each, as plainly as `node:crypto` allows. */
export class LineMaker {
  #seq = 0;
  #prev = "0".repeat(64);

  next(): string {
    const { type, severity, data } = sampleEvent(this.#seq);
    const covered =
      `{"v":1,"log":"${HEX_32}","seq":${this.#seq},"epoch":"${HEX_32}","time":"${new Date().toISOString()}",` +
      `"mono":"${process.hrtime.bigint()}","type":"${type}","severity":"${severity}",` +
      `"data":${JSON.stringify(data)},"prev":"${this.#prev}"`;
    const mac = createHmac("sha256", KEY).update(`vram-audit/v1\n${covered}`).digest("hex");
    const line = `${covered},"mac":"${mac}"}`;
    this.#prev = hash("sha256", `\0${line}`);
    this.#seq += 1;
    return line;
  }
}

/** SQLite with a write-ahead log that is synced by every commit. */
export class SqliteRival implements Disposable {
  readonly #database: Database;
  readonly #lines = new LineMaker();
  readonly #store: (lines: readonly string[]) => void;

  constructor(directory: string) {
    this.#database = new Database(join(directory, "rival.sqlite"), { create: true });
    this.#database.run("PRAGMA journal_mode = WAL");
    this.#database.run("PRAGMA synchronous = FULL");
    this.#database.run("CREATE TABLE log (seq INTEGER PRIMARY KEY, line TEXT NOT NULL)");
    const insert = this.#database.prepare("INSERT INTO log (line) VALUES (?)");
    this.#store = this.#database.transaction((lines: readonly string[]) => {
      for (const line of lines) insert.run(line);
    });
  }

  /** Appends `count` records, a transaction for each batch. */
  append(count: number): void {
    for (let done = 0; done < count; done += BATCH) {
      this.#store(Array.from({ length: Math.min(BATCH, count - done) }, () => this.#lines.next()));
    }
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }
}

/** One write and one `fdatasync` for each line, neither of which holds up the event loop. */
export async function appendPlainly(directory: string, count: number): Promise<void> {
  const encoder = new TextEncoder();
  const lines = new LineMaker();
  await using file = await nodeFileSystem.open(join(directory, "rival.jsonl"), { mode: "append" });
  for (let index = 0; index < count; index += 1) {
    await file.write(encoder.encode(`${lines.next()}\n`));
    await file.dataSync();
  }
}
