/**
 * How the demo tells what happens: to people as text with pictures, or to programs as one JSON document.
 *
 * @module
 */
import type { Mismatch, SealedShard, ShardStatus } from "vram-residency";
import { printable } from "vram-residency";
import { memoryMap } from "../memory-map.ts";
import { paint, printDocument, type Terminal, type Tone } from "../terminal.ts";
import { cut, size, table, wrap } from "../text.ts";
import type { TappedRecord } from "./record-tap.ts";

/** What is known of the set-up. */
export interface Setting {
  readonly backend: "mock" | "cuda";
  readonly backendReason: string;
  readonly model: string;
  readonly files: number;
  readonly tensors: number;
  readonly bytes: number;
}

/** A log that outlives the demo. */
export interface KeptLog {
  readonly directory: string;
  /** A copy of its public key, away from it. */
  readonly publicKey: string;
}

/** One act as the JSON document has it. */
export interface Act {
  readonly act: string;
  readonly ok: boolean;
  readonly [fact: string]: unknown;
}

/** Tells the demo's acts. */
export class Story {
  readonly acts: Act[] = [];
  readonly #terminal: Terminal;
  readonly #json: boolean;
  #chapter = 0;

  constructor(terminal: Terminal, json: boolean) {
    this.#terminal = terminal;
    this.#json = json;
  }

  /** Introduces backend and model. */
  begin(setting: Setting): void {
    this.#line("");
    this.#line(
      paint(
        this.#terminal,
        "strong",
        "vramr demo: seal, verify, flip one bit, catch, locate, repair, verify, release",
      ),
    );
    this.#line("");
    this.#fact("Backend", `${setting.backend}: ${setting.backendReason}`);
    const { files, tensors, bytes, model } = setting;
    this.#fact("Model", `${files} files, ${tensors} tensors, ${size(bytes)}: ${model}`);
    this.acts.push({ act: "begin", ok: true, ...setting });
  }

  /** Opens a chapter. */
  chapter(title: string): void {
    this.#chapter++;
    this.#line("");
    this.#line(paint(this.#terminal, "strong", `${this.#chapter}. ${title}`));
  }

  /** Records an act and says it in one line. */
  tell(act: Act, text: string): void {
    this.acts.push(act);
    this.#line(`   ${paint(this.#terminal, act.ok ? "good" : "bad", act.ok ? "ok" : "!!")} ${text}`);
  }

  /** A line beside the acts. */
  aside(text: string, tone: Tone = "faint"): void {
    for (const line of wrap(text, this.#terminal.columns - 6)) {
      this.#line(`      ${paint(this.#terminal, tone, cut(line, this.#terminal.columns - 6))}`);
    }
  }

  /** The table of sealed shards. */
  sealed(shards: readonly SealedShard[], tensors: readonly number[]): void {
    const rows = shards.map((shard, index) => [
      `${mark(index)} ${shard.shardId}`,
      size(shard.vramBytes),
      String(tensors[index] ?? 0),
      shard.digest.slice(0, 12),
      shard.residency.digest.slice(0, 12),
      String(shard.gpuDevice),
    ]);
    const columns = [
      { title: "shard", align: "left" },
      { title: "size", align: "right" },
      { title: "tensors", align: "right", optional: true },
      { title: "sha256", align: "left" },
      { title: "fs-verity", align: "left", optional: true },
      { title: "device", align: "right", optional: true },
    ] as const;
    for (const line of table(columns, rows, this.#terminal.columns - 3)) this.#line(`   ${line}`);
    for (const shard of shards) {
      const { shardId, vramBytes: bytes, digest, residency, gpuDevice } = shard;
      this.acts.push({ act: "sealed", ok: true, shardId, bytes, digest, residency, gpuDevice });
    }
  }

  /** The picture of device memory: letters are shards, `!` a quarantined one, dots are free. */
  picture(
    shards: readonly ShardStatus[],
    order: readonly string[],
    totalBytes: number,
    usedBytes: number,
  ): void {
    const entries = order.flatMap((id, index) => {
      const shard = shards.find((candidate) => candidate.id === id);
      if (shard === undefined) return [];
      return [{ mark: shard.state === "quarantined" ? "!" : mark(index), bytes: shard.bytes }];
    });
    const strip = memoryMap(entries, totalBytes, this.#terminal.columns - 6);
    const painted =
      strip.includes("!") && this.#terminal.color
        ? strip.replace(/!+/, (run) => paint(this.#terminal, "bad", run))
        : strip;
    this.#line(`   ${painted}`);
    this.aside(`${size(usedBytes)} of ${size(totalBytes)} used`);
  }

  /** The records of the log, a line each. */
  record(records: readonly TappedRecord[]): void {
    const columns = [
      { title: "event", align: "left" },
      { title: "record", align: "right" },
      { title: "severity", align: "left" },
      { title: "shard", align: "left", optional: true },
    ] as const;
    const rows = records.map(({ seq, type, severity, shardId }) => [
      type,
      String(seq),
      severity,
      shardId ?? "",
    ]);
    for (const line of table(columns, rows, this.#terminal.columns - 3)) this.#line(`   ${line}`);
    this.acts.push({ act: "record", ok: true, records });
  }

  /** Ends the story: for `--json`, prints the whole of it. */
  end(ok: boolean, log: KeptLog | undefined): void {
    this.acts.push({ act: "end", ok, ...(log ? { log: log.directory, publicKey: log.publicKey } : {}) });
    this.#line("");
    if (log === undefined) this.#fact("Log", "kept in memory; give --state DIR to keep it on disk");
    else {
      this.#fact("Log", "kept; its root, and the public key that verifies it, lie apart from it. Try");
      this.#line(
        `          vramr audit verify ${shellWord(log.directory)} --public-key ${shellWord(log.publicKey)}`,
      );
    }
    this.#fact("Result", ok ? "every act went as it should" : "something did not go as it should");
    this.#line("");
    if (this.#json) printDocument(this.#terminal, "demo", "Demo", { ok, acts: this.acts });
  }

  #fact(name: string, text: string): void {
    const [first = "", ...rest] = wrap(text, this.#terminal.columns - 10);
    this.#line(`${name.padEnd(10)}${first}`);
    for (const line of rest) this.#line(`${" ".repeat(10)}${line}`);
  }

  #line(text: string): void {
    if (!this.#json) this.#terminal.out(`${text}\n`);
  }
}

/** A path as a shell takes it. */
function shellWord(path: string): string {
  return /^[\w./@+:-]+$/.test(path) ? path : `'${printable(path).replaceAll("'", "'\\''")}'`;
}

/** A shard's letter in the picture. */
function mark(index: number): string {
  return String.fromCharCode(65 + (index % 26));
}

/** Damage in words, from an error's own list. */
export function damageText({ offset, bytes, tensor, tensors }: Mismatch): string {
  const block = bytes <= 4096 ? `4 KiB block ${Math.floor(offset / 4096)}` : `${size(bytes)}`;
  const names = tensor ?? (tensors ?? []).join(" or ");
  const where = names === "" ? "outside every tensor" : `tensor ${printable(names, 200)}`;
  return `${block} (bytes ${offset} to ${offset + bytes - 1}), ${where}`;
}
