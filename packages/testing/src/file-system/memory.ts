import type { FileHandle, FileStat, FileSystem, OpenOptions } from "@vram-residency/types";
import type { CrashChoice } from "./choice.ts";
import { type FileFault, FileFaults, type FileOperation } from "./faults.ts";
import { type HandleContext, MemoryFile } from "./handle.ts";
import { DIRECTORY_MODE, FILE_MODE, type MemoryFileSystemOptions, NameTree } from "./names.ts";
import { noteChange, syncFile } from "./pages.ts";
import { resize, resolve, systemError } from "./tree.ts";

/** A file system in memory, with what a test needs besides the port. */
export interface MemoryFileSystem extends FileSystem {
  /** Makes one later call go wrong; `at` counts from the calls made so far. */
  fail(fault: FileFault): void;
  /** Which faults fired, as "write#3: ENOSPC". */
  fired(): readonly string[];
  /** How many calls of an operation there were; "any": of all. */
  calls(operation: FileOperation | "any"): number;
  /** Settles when a fault has ended the process: from then on no call does anything, or settles. */
  readonly halted: Promise<void>;
  /**
   * What a power loss at this moment could leave, as a file system of its own; this one goes on.
   *
   * What was synced is there: of a file its bytes and length, of a directory its names. Of the rest, `choose` decides: pages of 4 KiB
   * arrive in any order and torn at any byte, a length arrives without its bytes, which are zero then, and each change of a
   * directory arrives or not, a rename as one. `() => 0` loses everything; `({ options }) => options - 1` loses nothing, as when
   * only the process ends.
   */
  crash(choose: CrashChoice): MemoryFileSystem;
  /** Makes or replaces a file, and its directories. Meets no fault, and is durable at once, with all names beside it. */
  put(path: string, bytes: Uint8Array, mode?: number): void;
  /** A copy of a file's bytes. Meets no fault. */
  get(path: string): Uint8Array;
  link(existing: string, path: string): void;
  symlink(target: string, path: string): void;
  changeMode(path: string, mode: number): void;
}

class MemoryFiles implements MemoryFileSystem {
  readonly #faults = new FileFaults();
  readonly #names: NameTree;
  readonly #context: HandleContext;

  constructor(names: NameTree) {
    this.#names = names;
    this.#context = {
      faults: this.#faults,
      describe: (node) => names.describe(node),
      now: () => names.now(),
    };
  }

  get halted(): Promise<void> {
    return this.#faults.halted;
  }

  fail(fault: FileFault): void {
    this.#faults.add(fault);
  }

  fired(): readonly string[] {
    return this.#faults.fired();
  }

  calls(operation: FileOperation | "any"): number {
    return this.#faults.calls(operation);
  }

  crash(choose: CrashChoice): MemoryFileSystem {
    return new MemoryFiles(this.#names.crashed(choose));
  }

  open(path: string, options: OpenOptions): Promise<FileHandle> {
    const work = (): FileHandle =>
      new MemoryFile(this.#names.open(path, options), options.mode, this.#context);
    return this.#faults.run("open", { work });
  }

  stat(path: string): Promise<FileStat> {
    const work = (): FileStat => this.#names.describe(this.#names.existing(path, "stat"));
    return this.#faults.run("stat", { work });
  }

  list(path: string): Promise<readonly string[]> {
    const work = (): readonly string[] => {
      const node = this.#names.existing(path, "list");
      if (node.kind !== "directory") throw systemError("ENOTDIR", "list");
      return [...node.entries.keys()].sort();
    };
    return this.#faults.run("list", { work });
  }

  makeDirectory(path: string, permissions: number = DIRECTORY_MODE): Promise<void> {
    const work = (): void => this.#names.makeParents(`${path}/.`, permissions);
    return this.#faults.run("makeDirectory", { work });
  }

  rename(from: string, to: string): Promise<void> {
    return this.#faults.run("rename", { work: () => this.#names.rename(from, to) });
  }

  remove(path: string): Promise<void> {
    return this.#faults.run("remove", { work: () => this.#names.remove(path) });
  }

  syncDirectory(path: string): Promise<void> {
    return this.#faults.run("syncDirectory", { work: () => this.#names.syncDirectory(path) });
  }

  realPath(path: string): Promise<string> {
    const work = (): string => {
      const place = resolve(this.#names.root, path, "realpath", true);
      if (place.node === undefined) throw systemError("ENOENT", "realpath");
      return place.path;
    };
    return this.#faults.run("realPath", { work });
  }

  put(path: string, bytes: Uint8Array, mode: number = FILE_MODE): void {
    this.#names.makeParents(path, DIRECTORY_MODE);
    const place = resolve(this.#names.root, path, "open", true);
    const node = place.node ?? this.#names.file(mode);
    if (node.kind !== "file") throw systemError("EISDIR", "open");
    if (place.node === undefined) this.#names.enter(place, node);
    const before = node.bytes;
    resize(node, 0);
    resize(node, bytes.length);
    node.data.set(bytes);
    noteChange(node, 0, Math.max(before, bytes.length));
    syncFile(node);
    this.#names.settle(path);
    this.#names.touch(node);
  }

  get(path: string): Uint8Array {
    const node = this.#names.existing(path, "read");
    if (node.kind !== "file") throw systemError("EISDIR", "read");
    return node.data.slice(0, node.bytes);
  }

  link(existing: string, path: string): void {
    const node = this.#names.existing(existing, "link");
    if (node.kind !== "file") throw systemError("EPERM", "link");
    this.#names.enter(this.#names.absent(path, "link"), node);
    this.#names.settle(path);
    this.#names.touch(node);
  }

  symlink(target: string, path: string): void {
    this.#names.enter(this.#names.absent(path, "symlink"), this.#names.symlink(target));
    this.#names.settle(path);
  }

  changeMode(path: string, mode: number): void {
    const node = this.#names.existing(path, "chmod");
    node.mode = mode;
    this.#names.touch(node);
  }
}

/**
 * Makes an empty file system in memory. Paths are absolute, with `/`; relative ones start at the root.
 *
 * It obeys permission bits for its one owner, keeps removed files alive for their handles (with 0 links), fails on demand, and
 * knows what was synced: {@link MemoryFileSystem.crash}.
 */
export function memoryFileSystem(options: MemoryFileSystemOptions = {}): MemoryFileSystem {
  return new MemoryFiles(new NameTree({ ...options }));
}
