/** A file. Handles hold it, so it outlives its last name. */
export interface FileNode {
  readonly kind: "file";
  readonly inode: number;
  data: Uint8Array;
  bytes: number;
  mode: number;
  links: number;
  changedNs: bigint;
}

/** A directory. */
export interface DirectoryNode {
  readonly kind: "directory";
  readonly inode: number;
  readonly entries: Map<string, Node>;
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
