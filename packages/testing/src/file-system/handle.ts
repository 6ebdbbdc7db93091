import type { FileHandle, FileStat, OpenOptions } from "@vram-residency/types";
import type { FileFaults } from "./faults.ts";
import { dropPending, noteChange, syncFile } from "./pages.ts";
import { type DirectoryNode, type FileNode, resize, systemError } from "./tree.ts";

/** What a handle needs of the file system it came from. */
export interface HandleContext {
  readonly faults: FileFaults;
  readonly describe: (node: FileNode | DirectoryNode) => FileStat;
  readonly now: () => bigint;
}

/** An open file in memory. Reads and writes go to the node, so a renamed or removed file goes on working. */
export class MemoryFile implements FileHandle {
  /** There is no descriptor. */
  readonly fd: number = -1;
  readonly #node: FileNode;
  readonly #mode: OpenOptions["mode"];
  readonly #context: HandleContext;
  #open = true;

  constructor(node: FileNode, mode: OpenOptions["mode"], context: HandleContext) {
    this.#node = node;
    this.#mode = mode;
    this.#context = context;
  }

  async read(into: Uint8Array, position: number): Promise<number> {
    this.#need("read", true);
    const rest = Math.max(0, this.#node.bytes - position);
    return this.#context.faults.run("read", {
      bytes: Math.min(into.length, rest),
      work: (count) => {
        into.set(this.#node.data.subarray(position, position + count));
        return count;
      },
    });
  }

  async write(bytes: Uint8Array, position?: number): Promise<number> {
    this.#need("write", this.#mode !== "read");
    return this.#context.faults.run("write", {
      bytes: bytes.length,
      work: (count) => {
        const at = this.#mode === "append" ? this.#node.bytes : (position ?? 0);
        // Writing nothing past the end does not make a file longer.
        if (count === 0) return 0;
        resize(this.#node, Math.max(this.#node.bytes, at + count));
        this.#node.data.set(bytes.subarray(0, count), at);
        this.#changed(at, at + count);
        return count;
      },
    });
  }

  async dataSync(): Promise<void> {
    this.#need("dataSync", true);
    await this.#context.faults.run("dataSync", {
      work: () => syncFile(this.#node),
      drop: () => dropPending(this.#node),
    });
  }

  async truncate(bytes: number): Promise<void> {
    this.#need("truncate", this.#mode !== "read");
    await this.#context.faults.run("truncate", {
      work: () => {
        const before = this.#node.bytes;
        resize(this.#node, bytes);
        this.#changed(Math.min(before, bytes), Math.max(before, bytes));
      },
    });
  }

  async stat(): Promise<FileStat> {
    this.#need("stat", true);
    return this.#context.faults.run("stat", { work: () => this.#context.describe(this.#node) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#open) return;
    // Whatever a close says, the descriptor is gone.
    this.#open = false;
    await this.#context.faults.run("close", { work: () => {} });
  }

  #changed(from: number, to: number): void {
    noteChange(this.#node, from, to);
    this.#node.changedNs = this.#context.now();
  }

  #need(operation: string, allowed: boolean): void {
    if (!this.#open || !allowed) throw systemError("EBADF", operation);
  }
}
