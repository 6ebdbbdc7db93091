/** A run of bytes with room to grow. */
export interface Content {
  /** Zero past `bytes`. */
  data: Uint8Array;
  bytes: number;
}

/** One change of a file that no sync has followed yet. */
export interface PendingChange {
  /** The file's length after it. */
  readonly bytes: number;
  /** What was written or cut off. Range: `from` to `to`, exclusive. */
  readonly from: number;
  readonly to: number;
  /** Every page that it touched, as it was after it; shorter at the end of the file. */
  readonly pages: ReadonlyMap<number, Uint8Array>;
}

/** A file. Handles hold it, so it outlives its last name. */
export interface FileNode extends Content {
  readonly kind: "file";
  readonly inode: number;
  /** What was synced. */
  readonly disk: Content;
  pending: PendingChange[];
  mode: number;
  links: number;
  changedNs: bigint;
}

/** A directory. */
export interface DirectoryNode {
  readonly kind: "directory";
  readonly inode: number;
  readonly entries: Map<string, Node>;
  /** The names that were synced. */
  readonly durable: Map<string, Node>;
  mode: number;
  links: number;
  changedNs: bigint;
}

/** A symbolic link. */
export interface LinkNode {
  readonly kind: "link";
  readonly inode: number;
  readonly target: string;
}

/** Anything a directory can name. */
export type Node = FileNode | DirectoryNode | LinkNode;

/** A file with some content, which counts as synced, and no name yet. */
export function newFile(
  facts: Pick<FileNode, "inode" | "mode" | "changedNs">,
  bytes: Uint8Array = new Uint8Array(0),
): FileNode {
  const { inode, mode, changedNs } = facts;
  const disk = { data: bytes.slice(), bytes: bytes.length };
  return {
    kind: "file",
    inode,
    mode,
    changedNs,
    links: 0,
    data: bytes.slice(),
    bytes: bytes.length,
    disk,
    pending: [],
  };
}

/** Changes a length. What is cut off is gone, and what is added is zero. */
export function resize(content: Content, bytes: number): void {
  if (bytes > content.data.length) {
    const grown = new Uint8Array(Math.max(bytes, content.data.length * 2));
    grown.set(content.data.subarray(0, content.bytes));
    content.data = grown;
  }
  if (bytes < content.bytes) content.data.fill(0, bytes, content.bytes);
  content.bytes = bytes;
}

/** Where a path leads. */
export interface Place {
  readonly parent: DirectoryNode;
  /** Last component; empty for the root. */
  readonly name: string;
  readonly node: Node | undefined;
  /** Absolute, without symbolic links. */
  readonly path: string;
}

/** An error as the runtime's own file calls make it. */
export function systemError(code: string, operation: string): Error {
  return Object.assign(new Error(`${code}: ${operation} failed`), { code, syscall: operation });
}

/** Most symbolic links followed in one path, as on Linux. */
const LINKS_FOLLOWED_MAX = 40;

interface Walk {
  readonly root: DirectoryNode;
  readonly operation: string;
  readonly followLast: boolean;
  followed: number;
}

/**
 * Walks a path, following symbolic links. Relative paths start at the root.
 *
 * @throws An error whose code is `ENOENT`, `ENOTDIR` or `ELOOP`. A missing last component is no error.
 */
export function resolve(root: DirectoryNode, path: string, operation: string, followLast: boolean): Place {
  return walk({ root, operation, followLast, followed: 0 }, [root], [], path);
}

function walk(at: Walk, directories: DirectoryNode[], names: string[], path: string): Place {
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  for (const [index, part] of parts.entries()) {
    const directory = directories.at(-1) ?? at.root;
    const last = index === parts.length - 1;
    if (part === "..") {
      if (directories.length > 1) directories.pop();
      names.pop();
      continue;
    }
    const node = directory.entries.get(part);
    if (node?.kind === "link" && (!last || at.followLast)) {
      at.followed += 1;
      if (at.followed > LINKS_FOLLOWED_MAX) throw systemError("ELOOP", at.operation);
      const rest = [node.target, ...parts.slice(index + 1)].join("/");
      return node.target.startsWith("/") ? walk(at, [at.root], [], rest) : walk(at, directories, names, rest);
    }
    if (last) return { parent: directory, name: part, node, path: absolute([...names, part]) };
    if (node === undefined) throw systemError("ENOENT", at.operation);
    if (node.kind !== "directory") throw systemError("ENOTDIR", at.operation);
    directories.push(node);
    names.push(part);
  }
  const node = directories.at(-1) ?? at.root;
  return { parent: directories.at(-2) ?? at.root, name: names.at(-1) ?? "", node, path: absolute(names) };
}

function absolute(names: readonly string[]): string {
  return `/${names.join("/")}`;
}
