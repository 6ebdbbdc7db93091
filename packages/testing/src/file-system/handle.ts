import type { FileHandle, FileStat, OpenOptions } from "@vram-residency/types";
import type { FileFaults } from "./faults.ts";
import { type DirectoryNode, type FileNode, systemError } from "./tree.ts";

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
    const count = this.#context.faults.meet("read", Math.min(into.length, rest));
    into.set(this.#node.data.subarray(position, position + count));
    return count;
  }

  async write(bytes: Uint8Array, position?: number): Promise<number> {
    this.#need("write", this.#mode !== "read");
    const count = this.#context.faults.meet("write", bytes.length);
    const at = this.#mode === "append" ? this.#node.bytes : (position ?? 0);
    // Writing nothing past the end does not make a file longer.
    if (count === 0) return 0;
    resize(this.#node, Math.max(this.#node.bytes, at + count));
    this.#node.data.set(bytes.subarray(0, count), at);
    this.#node.changedNs = this.#context.now();
    return count;
  }

  async dataSync(): Promise<void> {
    this.#need("dataSync", true);
    this.#context.faults.meet("dataSync");
  }

  async truncate(bytes: number): Promise<void> {
    this.#need("truncate", this.#mode !== "read");
    this.#context.faults.meet("truncate");
    resize(this.#node, bytes);
    this.#node.changedNs = this.#context.now();
  }

  async stat(): Promise<FileStat> {
    this.#need("stat", true);
    this.#context.faults.meet("stat");
    return this.#context.describe(this.#node);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#open = false;
  }

  #need(operation: string, allowed: boolean): void {
    if (!this.#open || !allowed) throw systemError("EBADF", operation);
  }
}

/** Changes a file's length. What is cut off is gone, and what is added is zero. */
export function resize(node: FileNode, bytes: number): void {
  if (bytes > node.data.length) {
    const grown = new Uint8Array(Math.max(bytes, node.data.length * 2));
    grown.set(node.data.subarray(0, node.bytes));
    node.data = grown;
  }
  if (bytes < node.bytes) node.data.fill(0, bytes, node.bytes);
  node.bytes = bytes;
}
