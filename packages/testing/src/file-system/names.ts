import type { Clock, FileStat, OpenOptions } from "@vram-residency/types";
import type { CrashChoice } from "./choice.ts";
import { crashedTree, NameJournal } from "./crash.ts";
import {
  type DirectoryNode,
  type FileNode,
  type Node,
  newFile,
  type Place,
  resolve,
  systemError,
} from "./tree.ts";

/** How {@link memoryFileSystem} behaves. */
export interface MemoryFileSystemOptions {
  /** Gives change times. Without one, every change is one nanosecond after the last. */
  readonly clock?: Clock;
  /** Owner of everything. Default 1000. */
  readonly ownerId?: number;
}

/** Permission bits of what is made without any. */
export const DIRECTORY_MODE = 0o700;
/** Permission bits of what is made without any. */
export const FILE_MODE = 0o600;
const OWNER_ID = 1000;

/** Directories and what they name: calls that change or follow names, without faults. */
export class NameTree {
  readonly #options: MemoryFileSystemOptions;
  readonly #journal = new NameJournal();
  #changes: bigint;
  #inodes: number;
  readonly root: DirectoryNode;

  /** @param before - Whose inodes and change times go on. @param root - What is left of it. */
  constructor(options: MemoryFileSystemOptions, before?: NameTree, root?: DirectoryNode) {
    this.#options = options;
    this.#changes = before === undefined ? 0n : before.#changes;
    this.#inodes = before === undefined ? 1 : before.#inodes;
    this.root = root ?? this.#directory(DIRECTORY_MODE);
  }

  /** What a power loss leaves. */
  crashed(choose: CrashChoice): NameTree {
    return new NameTree(this.#options, this, crashedTree(this.root, this.#journal, choose));
  }

  /** Finds or makes the file that is to be opened. */
  open(path: string, options: OpenOptions): FileNode {
    const creates = options.mode === "create" || options.mode === "append";
    const noFollow = options.noFollow === true;
    // O_EXCL refuses a symbolic link too, even one that leads nowhere.
    const place = resolve(this.root, path, "open", !noFollow && options.mode !== "create");
    const { node } = place;
    if (node !== undefined && options.mode === "create") throw systemError("EEXIST", "open");
    if (node?.kind === "link") throw systemError("ELOOP", "open");
    if (node?.kind === "directory") throw systemError("EISDIR", "open");
    if (node === undefined) {
      if (!creates) throw systemError("ENOENT", "open");
      const made = this.file(options.permissions ?? FILE_MODE);
      this.enter(place, made);
      // Permissions are for later: who makes a file may write to it now.
      return made;
    }
    const needed = options.mode === "read" ? 0o400 : 0o600;
    if ((node.mode & needed) !== needed) throw systemError("EACCES", "open");
    return node;
  }

  /** Renames, over what is there if it may be replaced. */
  rename(from: string, to: string): void {
    const source = resolve(this.root, from, "rename", false);
    const target = resolve(this.root, to, "rename", false);
    if (source.node === undefined) throw systemError("ENOENT", "rename");
    if (source.node === target.node) return;
    if (target.path.startsWith(`${source.path}/`)) throw systemError("EINVAL", "rename");
    if (target.node !== undefined) checkReplace(source.node, target.node);
    source.parent.entries.delete(source.name);
    target.parent.entries.set(target.name, source.node);
    this.#journal.add(
      { directory: source.parent, name: source.name, node: undefined },
      { directory: target.parent, name: target.name, node: source.node },
    );
    this.touch(source.parent, target.parent, source.node);
    if (target.node !== undefined) this.#unlink(target.node);
  }

  /** Removes a name that is no directory's. */
  remove(path: string): void {
    const place = resolve(this.root, path, "remove", false);
    if (place.node === undefined) throw systemError("ENOENT", "remove");
    if (place.node.kind === "directory") throw systemError("EISDIR", "remove");
    place.parent.entries.delete(place.name);
    this.#journal.add({ directory: place.parent, name: place.name, node: undefined });
    this.touch(place.parent);
    this.#unlink(place.node);
  }

  /** Makes the names in a directory durable. */
  syncDirectory(path: string): void {
    const node = this.existing(path, "open");
    if (node.kind !== "directory") throw systemError("ENOTDIR", "open");
    this.#journal.sync(node);
  }

  /** What a path leads to. @throws An error whose code is `ENOENT`. */
  existing(path: string, operation: string): FileNode | DirectoryNode {
    const { node } = resolve(this.root, path, operation, true);
    if (node === undefined || node.kind === "link") throw systemError("ENOENT", operation);
    return node;
  }

  /** Where a new name goes. @throws An error whose code is `EEXIST`. */
  absent(path: string, operation: string): Place {
    const place = resolve(this.root, path, operation, false);
    if (place.node !== undefined) throw systemError("EEXIST", operation);
    return place;
  }

  /** Makes every directory that `path` lies in. */
  makeParents(path: string, permissions: number): void {
    const parts = path.split("/");
    for (let count = 1; count < parts.length; count += 1) {
      const place = resolve(this.root, parts.slice(0, count).join("/"), "mkdir", true);
      if (place.node === undefined) this.enter(place, this.#directory(permissions));
      else if (place.node.kind !== "directory") {
        throw systemError(count === parts.length - 1 ? "EEXIST" : "ENOTDIR", "mkdir");
      }
    }
  }

  /** Gives a node a name. */
  enter({ parent, name }: Place, node: Node): void {
    parent.entries.set(name, node);
    if (node.kind === "file") node.links += 1;
    this.#journal.add({ directory: parent, name, node });
    this.touch(parent);
  }

  /** Makes every name on a path durable. */
  settle(path: string): void {
    const parts = path.split("/");
    for (let count = 1; count <= parts.length; count += 1) {
      this.#journal.sync(resolve(this.root, parts.slice(0, count).join("/"), "open", false).parent);
    }
  }

  /** Makes the change time of nodes now. */
  touch(...nodes: readonly Node[]): void {
    const now = this.now();
    for (const node of nodes) if (node.kind !== "link") node.changedNs = now;
  }

  /** A file without a name. */
  file(mode: number): FileNode {
    return newFile({ inode: this.#inodes++, mode, changedNs: this.now() });
  }

  /** A symbolic link without a name. */
  symlink(target: string): Node {
    return { kind: "link", inode: this.#inodes++, target };
  }

  /** The next change time. Unit: ns. */
  now(): bigint {
    this.#changes += 1n;
    return this.#options.clock === undefined
      ? this.#changes
      : BigInt(this.#options.clock.wall()) * 1_000_000n;
  }

  /** What `stat` says of a node. */
  describe(node: FileNode | DirectoryNode): FileStat {
    return {
      kind: node.kind,
      bytes: node.kind === "file" ? node.bytes : node.entries.size,
      identity: `mem:${node.inode}`,
      changedNs: String(node.changedNs),
      mode: node.mode,
      ownerId: this.#options.ownerId ?? OWNER_ID,
      links: node.links,
    };
  }

  #unlink(node: Node): void {
    if (node.kind === "link") return;
    node.links -= 1;
    this.touch(node);
  }

  #directory(mode: number): DirectoryNode {
    return {
      kind: "directory",
      inode: this.#inodes++,
      entries: new Map(),
      durable: new Map(),
      mode,
      links: 1,
      changedNs: this.now(),
    };
  }
}

/** Throws unless a rename may put `source` where `target` is. */
function checkReplace(source: Node, target: Node): void {
  if (target.kind !== "directory") {
    if (source.kind === "directory") throw systemError("ENOTDIR", "rename");
    return;
  }
  if (source.kind !== "directory") throw systemError("EISDIR", "rename");
  if (target.entries.size > 0) throw systemError("ENOTEMPTY", "rename");
}
