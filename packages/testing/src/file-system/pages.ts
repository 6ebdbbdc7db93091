/**
 * What of a file is on the disk, and what a power loss may leave of the rest.
 *
 * @module
 */
import type { CrashChoice } from "./choice.ts";
import { type FileNode, type PendingChange, resize } from "./tree.ts";

/** Unit: bytes. */
const PAGE_BYTES = 4096;

/** Remembers that the bytes from `from` to `to` were changed. */
export function noteChange(node: FileNode, from: number, to: number): void {
  const pages = new Map<number, Uint8Array>();
  for (let page = Math.floor(from / PAGE_BYTES); page * PAGE_BYTES < to; page += 1) {
    pages.set(page, pageOf(node.data.subarray(0, node.bytes), page).slice());
  }
  node.pending.push({ bytes: node.bytes, from, to, pages });
}

/** Brings everything that was noted to the disk. */
export function syncFile(node: FileNode): void {
  // Also when nothing is pending: a dropped change left its length behind.
  resize(node.disk, node.bytes);
  for (const { pages } of node.pending) for (const [page, bytes] of pages) put(node.disk.data, page, bytes);
  node.pending = [];
}

/** Forgets what was noted: those pages count as clean, and only a later change of them reaches the disk. */
export function dropPending(node: FileNode): void {
  node.pending = [];
}

/**
 * What is left of a file. Each page is as some change left it, that change torn or not, and the length one that the file had.
 *
 * @param path - For the questions.
 */
export function survivor({ disk, pending }: FileNode, path: string, choose: CrashChoice): Uint8Array {
  const left = { data: disk.data.slice(0, disk.bytes), bytes: disk.bytes };
  if (pending.length === 0) return left.data;
  const lengths = [disk.bytes, ...pending.map(({ bytes }) => bytes)];
  const length = lengths[choose({ about: "length", path, options: lengths.length })] ?? disk.bytes;
  resize(left, Math.max(...lengths));
  const pages = new Set(pending.flatMap((change) => [...change.pages.keys()]));
  for (const page of [...pages].sort((a, b) => a - b)) {
    const changes = pending.filter((change) => change.pages.has(page));
    const arrived = choose({ about: "page", path, options: changes.length + 1 });
    // Earlier ones are part of the later: a page goes to the disk as it is.
    const last = changes[arrived - 1];
    const before = changes[arrived - 2]?.pages.get(page);
    if (before !== undefined) put(left.data, page, before);
    if (last !== undefined)
      putTorn(left.data, page, last, (options) => choose({ about: "tear", path, options }));
  }
  resize(left, length);
  return left.data.slice(0, length);
}

/** Puts a page as `change` left it, as far as it got before the power went. */
function putTorn(
  data: Uint8Array,
  page: number,
  change: PendingChange,
  tear: (options: number) => number,
): void {
  const from = Math.max(change.from, page * PAGE_BYTES);
  const to = Math.min(change.to, (page + 1) * PAGE_BYTES);
  const arrived = from + (to - from < 2 ? to - from : tear(to - from) + 1);
  const rest = data.slice(arrived, to);
  put(data, page, change.pages.get(page) ?? new Uint8Array(0));
  data.set(rest, arrived);
}

/** Overwrites one page, with zeros past the end of `bytes`. */
function put(data: Uint8Array, page: number, bytes: Uint8Array): void {
  const target = pageOf(data, page);
  target.fill(0);
  target.set(bytes.subarray(0, target.length));
}

function pageOf(data: Uint8Array, page: number): Uint8Array {
  return data.subarray(page * PAGE_BYTES, (page + 1) * PAGE_BYTES);
}
