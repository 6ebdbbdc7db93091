/**
 * What a power loss may leave of a tree of files.
 *
 * @module
 */
import type { CrashChoice } from "./choice.ts";
import { survivor } from "./pages.ts";
import { type DirectoryNode, type FileNode, type Node, newFile } from "./tree.ts";

interface EntryChange {
  readonly directory: DirectoryNode;
  readonly name: string;
  /** Nothing: the name was removed. */
  readonly node: Node | undefined;
}

/** One step of the directories that survives whole or not at all: a rename takes a name away and gives one. */
type Step = readonly EntryChange[];

/** The changes of names that no sync of their directory has followed yet. */
export class NameJournal {
  #pending: Step[] = [];

  add(...step: Step): void {
    this.#pending.push(step);
  }

  /** Brings what was done in a directory to the disk, and what that rests on: no step overtakes an earlier one on the same directory. */
  sync(directory: DirectoryNode): void {
    const reached = new Set([directory]);
    const kept: Step[] = [];
    const synced: Step[] = [];
    for (const step of this.#pending.toReversed()) {
      if (step.some((change) => reached.has(change.directory))) {
        for (const change of step) reached.add(change.directory);
        synced.push(step);
      } else kept.push(step);
    }
    for (const step of synced.reverse()) apply(step, (at) => at.durable);
    this.#pending = kept.reverse();
  }

  /** What the directories hold after a power loss, whose answers come from `choose`. */
  survivors(root: DirectoryNode, choose: CrashChoice): (directory: DirectoryNode) => Map<string, Node> {
    const entries = new Map<DirectoryNode, Map<string, Node>>();
    const of = (directory: DirectoryNode): Map<string, Node> => {
      const found = entries.get(directory) ?? new Map(directory.durable);
      entries.set(directory, found);
      return found;
    };
    for (const step of this.#pending) {
      const path = step.map(({ directory, name }) => `${pathOf(root, directory)}/${name}`).join(" -> ");
      if (choose({ about: "entry", path, options: 2 }) === 1) apply(step, of);
    }
    return of;
  }
}

function apply(step: Step, entriesOf: (directory: DirectoryNode) => Map<string, Node>): void {
  for (const { directory, name, node } of step) {
    if (node === undefined) entriesOf(directory).delete(name);
    else entriesOf(directory).set(name, node);
  }
}

function pathOf(root: DirectoryNode, directory: DirectoryNode): string {
  if (root === directory) return "";
  for (const [name, node] of root.entries) {
    if (node.kind !== "directory") continue;
    const below = pathOf(node, directory);
    if (below !== "" || node === directory) return `/${name}${below}`;
  }
  return "";
}

/** Makes the tree that a power loss leaves. Everything in it is durable; inodes, modes and change times stay. */
export function crashedTree(root: DirectoryNode, journal: NameJournal, answer: CrashChoice): DirectoryNode {
  const choose: CrashChoice = (question) => Math.abs(Math.trunc(answer(question))) % question.options;
  const entriesOf = journal.survivors(root, choose);
  const files = new Map<FileNode, FileNode>();
  const copyFile = (node: FileNode, path: string): FileNode => {
    const copy = files.get(node) ?? newFile(node, survivor(node, path, choose));
    files.set(node, copy);
    copy.links += 1;
    return copy;
  };
  const copyDirectory = (node: DirectoryNode, path: string): DirectoryNode => {
    const entries = new Map<string, Node>();
    for (const [name, child] of entriesOf(node)) {
      const at = `${path}/${name}`;
      if (child.kind === "link") entries.set(name, child);
      else entries.set(name, child.kind === "file" ? copyFile(child, at) : copyDirectory(child, at));
    }
    return { ...node, entries, durable: new Map(entries) };
  };
  return copyDirectory(root, "");
}
