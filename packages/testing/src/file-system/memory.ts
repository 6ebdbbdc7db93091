import type { Clock, FileHandle, FileStat, FileSystem, OpenOptions } from "@vram-residency/types";
import { type FileFault, FileFaults, type FileOperation } from "./faults.ts";
import { type HandleContext, MemoryFile, resize } from "./handle.ts";
import { type DirectoryNode, type FileNode, type Node, type Place, resolve, systemError } from "./tree.ts";

/** How {@link memoryFileSystem} behaves. */
export interface MemoryFileSystemOptions {
  /** Gives change times. Without one, every change is one nanosecond after the last. */
  readonly clock?: Clock;
  /** Owner of everything. Default 1000. */
  readonly ownerId?: number;
}

/** A file system in memory, with what a test needs besides the port. */
export interface MemoryFileSystem extends FileSystem {
  /** Makes one later call go wrong; `at` counts from the calls made so far. */
  fail(fault: FileFault): void;
  /** Which faults fired, as "write#3: ENOSPC". */
  fired(): readonly string[];
  calls(operation: FileOperation): number;
  /** Makes or replaces a file, and its directories. Meets no fault. */
  put(path: string, bytes: Uint8Array, mode?: number): void;
  /** A copy of a file's bytes. Meets no fault. */
  get(path: string): Uint8Array;
  link(existing: string, path: string): void;
  symlink(target: string, path: string): void;
  changeMode(path: string, mode: number): void;
}

const DIRECTORY_MODE = 0o700;
const FILE_MODE = 0o600;

class MemoryTree implements MemoryFileSystem {
  readonly #faults = new FileFaults();
  readonly #ownerId: number;
  readonly #clock: Clock | undefined;
  readonly #context: HandleContext;
  readonly #root: DirectoryNode;
  #changes = 0n;
  #inodes = 1;

  constructor(options: MemoryFileSystemOptions) {
    this.#ownerId = options.ownerId ?? 1000;
    this.#clock = options.clock;
    this.#context = {
      faults: this.#faults,
      describe: (node) => this.#describe(node),
      now: () => this.#now(),
    };
    this.#root = this.#directory(DIRECTORY_MODE);
  }

  fail(fault: FileFault): void {
    this.#faults.add(fault);
  }

  fired(): readonly string[] {
    return this.#faults.fired();
  }

  calls(operation: FileOperation): number {
    return this.#faults.calls(operation);
  }

  async open(path: string, options: OpenOptions): Promise<FileHandle> {
    this.#faults.meet("open");
    const creates = options.mode === "create" || options.mode === "append";
    const noFollow = options.noFollow === true;
    // O_EXCL refuses a symbolic link too, even one that leads nowhere.
    const place = resolve(this.#root, path, "open", !noFollow && options.mode !== "create");
    let node = place.node;
    if (node !== undefined && options.mode === "create") throw systemError("EEXIST", "open");
    if (node?.kind === "link") throw systemError("ELOOP", "open");
    if (node?.kind === "directory") throw systemError("EISDIR", "open");
    if (node === undefined) {
      if (!creates) throw systemError("ENOENT", "open");
      node = this.#file(options.permissions ?? FILE_MODE);
      this.#enter(place, node);
      // Permissions are for later: who makes a file may write to it now.
      return new MemoryFile(node, options.mode, this.#context);
    }
    const needed = options.mode === "read" ? 0o400 : 0o600;
    if ((node.mode & needed) !== needed) throw systemError("EACCES", "open");
    return new MemoryFile(node, options.mode, this.#context);
  }

  async stat(path: string): Promise<FileStat> {
    this.#faults.meet("stat");
    return this.#describe(this.#existing(path, "stat"));
  }

  async list(path: string): Promise<readonly string[]> {
    this.#faults.meet("list");
    const node = this.#existing(path, "list");
    if (node.kind !== "directory") throw systemError("ENOTDIR", "list");
    return [...node.entries.keys()].sort();
  }

  async makeDirectory(path: string, permissions: number = DIRECTORY_MODE): Promise<void> {
    this.#faults.meet("makeDirectory");
    this.#makeParents(`${path}/.`, permissions);
  }

  async rename(from: string, to: string): Promise<void> {
    this.#faults.meet("rename");
    const source = resolve(this.#root, from, "rename", false);
    const target = resolve(this.#root, to, "rename", false);
    if (source.node === undefined) throw systemError("ENOENT", "rename");
    if (source.node === target.node) return;
    if (target.path.startsWith(`${source.path}/`)) throw systemError("EINVAL", "rename");
    if (target.node !== undefined) this.#checkReplace(source.node, target.node);
    if (target.node !== undefined) this.#drop(target);
    source.parent.entries.delete(source.name);
    target.parent.entries.set(target.name, source.node);
    this.#touch(source.parent, target.parent, source.node);
  }

  async remove(path: string): Promise<void> {
    this.#faults.meet("remove");
    const place = resolve(this.#root, path, "remove", false);
    if (place.node === undefined) throw systemError("ENOENT", "remove");
    if (place.node.kind === "directory") throw systemError("EISDIR", "remove");
    this.#drop(place);
  }

  async syncDirectory(path: string): Promise<void> {
    this.#faults.meet("syncDirectory");
    if (this.#existing(path, "open").kind !== "directory") throw systemError("ENOTDIR", "open");
  }

  async realPath(path: string): Promise<string> {
    this.#faults.meet("realPath");
    const place = resolve(this.#root, path, "realpath", true);
    if (place.node === undefined) throw systemError("ENOENT", "realpath");
    return place.path;
  }

  put(path: string, bytes: Uint8Array, mode: number = FILE_MODE): void {
    this.#makeParents(path, DIRECTORY_MODE);
    const place = resolve(this.#root, path, "open", true);
    const node = place.node ?? this.#file(mode);
    if (node.kind !== "file") throw systemError("EISDIR", "open");
    if (place.node === undefined) this.#enter(place, node);
    resize(node, 0);
    resize(node, bytes.length);
    node.data.set(bytes);
    this.#touch(node);
  }

  get(path: string): Uint8Array {
    const node = this.#existing(path, "read");
    if (node.kind !== "file") throw systemError("EISDIR", "read");
    return node.data.slice(0, node.bytes);
  }

  link(existing: string, path: string): void {
    const node = this.#existing(existing, "link");
    if (node.kind !== "file") throw systemError("EPERM", "link");
    this.#enter(this.#absent(path, "link"), node);
    node.links += 1;
    this.#touch(node);
  }

  symlink(target: string, path: string): void {
    this.#enter(this.#absent(path, "symlink"), { kind: "link", inode: this.#inodes++, target });
  }

  changeMode(path: string, mode: number): void {
    const node = this.#existing(path, "chmod");
    node.mode = mode;
    this.#touch(node);
  }

  #existing(path: string, operation: string): FileNode | DirectoryNode {
    const { node } = resolve(this.#root, path, operation, true);
    if (node === undefined || node.kind === "link") throw systemError("ENOENT", operation);
    return node;
  }

  #absent(path: string, operation: string): Place {
    const place = resolve(this.#root, path, operation, false);
    if (place.node !== undefined) throw systemError("EEXIST", operation);
    return place;
  }

  /** Makes every directory that `path` lies in. */
  #makeParents(path: string, permissions: number): void {
    const parts = path.split("/");
    for (let count = 1; count < parts.length; count += 1) {
      const place = resolve(this.#root, parts.slice(0, count).join("/"), "mkdir", true);
      if (place.node === undefined) this.#enter(place, this.#directory(permissions));
      else if (place.node.kind !== "directory") {
        throw systemError(count === parts.length - 1 ? "EEXIST" : "ENOTDIR", "mkdir");
      }
    }
  }

  #checkReplace(source: Node, target: Node): void {
    if (target.kind !== "directory") {
      if (source.kind === "directory") throw systemError("ENOTDIR", "rename");
      return;
    }
    if (source.kind !== "directory") throw systemError("EISDIR", "rename");
    if (target.entries.size > 0) throw systemError("ENOTEMPTY", "rename");
  }

  #enter(place: Place, node: Node): void {
    place.parent.entries.set(place.name, node);
    this.#touch(place.parent);
  }

  #drop(place: Place): void {
    place.parent.entries.delete(place.name);
    this.#touch(place.parent);
    if (place.node === undefined || place.node.kind === "link") return;
    place.node.links -= 1;
    this.#touch(place.node);
  }

  #touch(...nodes: readonly Node[]): void {
    const now = this.#now();
    for (const node of nodes) if (node.kind !== "link") node.changedNs = now;
  }

  #file(mode: number): FileNode {
    const inode = this.#inodes++;
    return { kind: "file", inode, data: new Uint8Array(0), bytes: 0, mode, links: 1, changedNs: this.#now() };
  }

  #directory(mode: number): DirectoryNode {
    return {
      kind: "directory",
      inode: this.#inodes++,
      entries: new Map(),
      mode,
      links: 1,
      changedNs: this.#now(),
    };
  }

  #now(): bigint {
    this.#changes += 1n;
    return this.#clock === undefined ? this.#changes : BigInt(this.#clock.wall()) * 1_000_000n;
  }

  #describe(node: FileNode | DirectoryNode): FileStat {
    return {
      kind: node.kind,
      bytes: node.kind === "file" ? node.bytes : node.entries.size,
      identity: `mem:${node.inode}`,
      changedNs: String(node.changedNs),
      mode: node.mode,
      ownerId: this.#ownerId,
      links: node.links,
    };
  }
}

/**
 * Makes an empty file system in memory. Paths are absolute, with `/`; relative ones start at the root.
 *
 * It obeys permission bits for its one owner, keeps removed files alive for their handles (with 0 links), and fails on demand.
 */
export function memoryFileSystem(options: MemoryFileSystemOptions = {}): MemoryFileSystem {
  return new MemoryTree(options);
}
