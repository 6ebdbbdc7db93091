/**
 * Which bytes a model should have: a list of files, or of ranges of files, each with its digest.
 *
 * @module
 */
import { DIGEST_BYTES, fromHex, sha256, toHex } from "@vram-residency/crypto";
import { type HexDigest, hexDigest } from "@vram-residency/types";
import { assertInside, compareCodePoints, comparePaths } from "./names.ts";
import { refuse } from "./rules.ts";

/** Most resources of one manifest. */
export const RESOURCES_MAX = 1_000_000;

/** The path of a model that is one file, whatever it is called. */
export const SINGLE_FILE = ".";

/** A file of a model, or a range of one. */
export interface Resource {
  /** As the manifest spells it: a path, or `path:start:end`. */
  readonly name: string;
  /** Relative to the model's directory, with slashes; {@link SINGLE_FILE} for a model that is one file. */
  readonly path: string;
  /** The range, its end exclusive; undefined: the whole file. Unit: bytes. */
  readonly range?: { readonly start: number; readonly end: number };
  /** Length of the file, where the manifest says it. Unit: bytes. */
  readonly bytes?: number;
  readonly digest: HexDigest;
}

/** A manifest that keeps its rules. */
export interface Manifest {
  /** SHA-256 over the digests of all resources, one after the other. */
  readonly digest: HexDigest;
  /** The hash of each resource. */
  readonly algorithm: "sha256" | "blake3";
  readonly method: "files" | "shards";
  /** Whether a file may be reached by a symbolic link that stays in the model's directory. */
  readonly allowSymlinks: boolean;
  /** Files and directories that do not belong to the model, relative to its directory. */
  readonly ignorePaths: readonly string[];
  /** In the order that {@link Manifest.digest} has. */
  readonly resources: readonly Resource[];
}

/** The digest of a whole manifest. */
export function rootDigest(resources: readonly Resource[]): HexDigest {
  const bytes = new Uint8Array(resources.length * DIGEST_BYTES);
  for (const [index, { digest }] of resources.entries()) bytes.set(fromHex(digest), index * DIGEST_BYTES);
  return hexDigest(toHex(sha256(bytes)));
}

/**
 * Holds a manifest to the rules that need no file.
 *
 * @param shardBytes - Length of every range but a file's last; for method "shards".
 * @throws `ERR_PROVENANCE`: `resource-count`, `resource-name`, `resource-duplicate`, `resource-order`, `shard-…`,
 * `ignore-path`, `root-digest`.
 */
export function assertManifest(manifest: Manifest, shardBytes?: number): void {
  const { resources, ignorePaths, digest } = manifest;
  if (resources.length === 0 || resources.length > RESOURCES_MAX) {
    refuse("resource-count", `${resources.length} resources; expected 1 to ${RESOURCES_MAX}`);
  }
  // The name of what is not there would otherwise stand for all that is.
  for (const path of ignorePaths) assertInside(path, "ignore-path");
  assertNames(resources);
  assertOrder(resources);
  if (shardBytes !== undefined) assertShards(resources, shardBytes);
  if (rootDigest(resources) !== digest) {
    refuse(
      "root-digest",
      "the resources do not have the digest that the manifest has: do not use this model",
    );
  }
}

function assertNames(resources: readonly Resource[]): void {
  const single = resources.every(({ path }) => path === SINGLE_FILE);
  const names = new Set<string>();
  for (const { name, path } of resources) {
    if (!single) assertInside(path, "resource-name");
    if (names.has(name))
      refuse("resource-duplicate", "a resource is listed twice: do not use this model", name);
    names.add(name);
  }
}

/** The specification sorts whole names; the reference implementation sorts paths by component and ranges by number. */
function assertOrder(resources: readonly Resource[]): void {
  const whole = (a: Resource, b: Resource): number => compareCodePoints(a.name, b.name);
  const parts = (a: Resource, b: Resource): number =>
    comparePaths(a.path, b.path) || (a.range?.start ?? 0) - (b.range?.start ?? 0);
  if (!isAscending(resources, whole) && !isAscending(resources, parts)) {
    refuse("resource-order", "the resources are not sorted by code point: ask for a manifest that is");
  }
}

function isAscending<Item>(items: readonly Item[], compare: (a: Item, b: Item) => number): boolean {
  return items.every((item, index) => {
    const previous = items[index - 1];
    return previous === undefined || compare(previous, item) < 0;
  });
}

function assertShards(resources: readonly Resource[], shardBytes: number): void {
  for (const ranges of byPath(resources).values()) {
    const sorted = ranges.toSorted((a, b) => (a.range?.start ?? 0) - (b.range?.start ?? 0));
    let next = 0;
    for (const [index, { name, range = { start: 0, end: 0 } }] of sorted.entries()) {
      if (range.start > next)
        refuse("shard-gap", `bytes ${next} to ${range.start - 1} are in no range`, name);
      if (range.start < next) refuse("shard-overlap", `byte ${range.start} is in two ranges`, name);
      const bytes = range.end - range.start;
      const whole = index < sorted.length - 1 ? bytes === shardBytes : bytes > 0 && bytes <= shardBytes;
      if (!whole) refuse("shard-size", `a range of ${bytes} bytes, where ranges have ${shardBytes}`, name);
      next = range.end;
    }
  }
}

/** Resources by the file they are of. */
export function byPath(resources: readonly Resource[]): ReadonlyMap<string, readonly Resource[]> {
  const groups = new Map<string, Resource[]>();
  for (const resource of resources) {
    const group = groups.get(resource.path);
    if (group === undefined) groups.set(resource.path, [resource]);
    else group.push(resource);
  }
  return groups;
}
