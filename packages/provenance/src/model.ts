/**
 * A model on disk against a manifest, and a manifest of a model on disk.
 *
 * @module
 */
import { assertPort, assertText, portableDigester } from "@vram-residency/crypto";
import { type Digester, type FileSystem, type HexDigest, hexDigest } from "@vram-residency/types";
import { byPath, type Manifest, type Resource, rootDigest, SINGLE_FILE } from "./manifest.ts";
import { assertInside, compareCodePoints } from "./names.ts";
import { refuse } from "./rules.ts";
import { type FoundFile, findFiles, type HashPorts, hashFile, IGNORED_ALWAYS } from "./walk.ts";

/** How a model is read. */
export interface ModelOptions {
  readonly fileSystem: FileSystem;
  /** Default: in JavaScript alone; `nodeDigester` is many times as fast. */
  readonly digester?: Digester;
  /** Further paths that do not belong to the model, relative to its directory: the signature, a list of checksums. */
  readonly ignorePaths?: readonly string[];
  readonly signal?: AbortSignal;
  /** Called after every chunk. Unit: bytes. */
  onProgress?(bytesDone: number, bytesTotal: number): void;
}

/** A model that is what its manifest says. */
export interface ModelReport {
  readonly files: number;
  /** Unit: bytes. */
  readonly bytes: number;
  /** The manifest's digest. */
  readonly digest: HexDigest;
}

/**
 * Verifies a model: every resource is there with its digest, and no file besides. Nothing is hashed before all names agree.
 *
 * A signed file that is on a list of ignored paths counts as missing.
 *
 * @param path - The model's directory; or its file, for a model of one.
 * @throws {@link VramError} `ERR_PROVENANCE`: `symlink`, `special-file`, `extra-file`, `resource-missing`, `resource-bytes`,
 * `resource-digest`, `ignore-path`; `ERR_SOURCE`; `ERR_CANCELLED`.
 */
export async function verifyModel(
  path: string,
  manifest: Manifest,
  options: ModelOptions,
): Promise<ModelReport> {
  const { found, ports, bytes } = await openModelFiles(path, manifest, options);
  const pairs = pairUp(found, manifest);
  for (const { file, resources } of pairs) assertLength(file, resources);
  for (const { file, resources } of pairs) {
    const ends = resources.map(({ range }) => range?.end ?? file.stat.bytes);
    const digests = await hashFile(file, ends, manifest.algorithm, ports);
    for (const [index, { digest, name }] of resources.entries()) {
      if (digests[index] !== digest)
        refuse("resource-digest", "other bytes than expected: do not use this model", name);
    }
  }
  return { files: found.length, bytes, digest: manifest.digest };
}

/**
 * Makes the manifest of a model as it is on disk. Nobody has signed it: it says what was there, not whose that is.
 *
 * @param path - The model's directory, or its file.
 * @throws {@link VramError} `ERR_PROVENANCE`: `symlink`, `special-file`, `resource-count`, `resource-name`, `ignore-path`;
 * `ERR_SOURCE`; `ERR_CANCELLED`.
 */
export async function createManifest(path: string, options: ModelOptions): Promise<Manifest> {
  const rules = { allowSymlinks: false, ignorePaths: [] };
  const { found, ports } = await openModelFiles(path, rules, options);
  if (found.length === 0) refuse("resource-count", "no file is there: name a model's directory");
  const resources: Resource[] = [];
  for (const file of found.toSorted((a, b) => compareCodePoints(a.name, b.name))) {
    assertInside(file.name, "resource-name");
    const [digest = ""] = await hashFile(file, [file.stat.bytes], "sha256", ports);
    resources.push({ name: file.name, path: file.name, bytes: file.stat.bytes, digest: hexDigest(digest) });
  }
  return { digest: rootDigest(resources), algorithm: "sha256", method: "files", ...rules, resources };
}

interface OpenedFiles {
  readonly found: readonly FoundFile[];
  readonly ports: HashPorts;
  readonly bytes: number;
}

async function openModelFiles(
  path: string,
  { allowSymlinks, ignorePaths }: Pick<Manifest, "allowSymlinks" | "ignorePaths">,
  options: ModelOptions,
): Promise<OpenedFiles> {
  assertText(path, "path");
  const { fileSystem, digester = portableDigester, ignorePaths: further = [], signal, onProgress } = options;
  assertPort(fileSystem, "fileSystem", "open", "stat", "list", "realPath");
  for (const ignored of further) assertInside(ignored, "ignore-path");
  const ignored = [...IGNORED_ALWAYS, ...ignorePaths, ...further];
  const found = await findFiles(path, { fileSystem, allowSymlinks, ignorePaths: ignored });
  const bytes = found.reduce((sum, { stat }) => sum + stat.bytes, 0);
  let done = 0;
  const onBytes = (count: number): void => {
    done += count;
    onProgress?.(done, bytes);
  };
  return {
    found,
    bytes,
    ports: { fileSystem, digester, onBytes, ...(signal === undefined ? {} : { signal }) },
  };
}

interface Pair {
  readonly file: FoundFile;
  /** By where they begin; none for an empty file, of which there are no ranges. */
  readonly resources: readonly Resource[];
}

function pairUp(found: readonly FoundFile[], { resources, method }: Manifest): readonly Pair[] {
  const groups = new Map(byPath(resources));
  const pairs = found.map((file) => {
    // A model that is one file has no name of its own.
    const key = found.length === 1 && groups.has(SINGLE_FILE) ? SINGLE_FILE : file.name;
    const group = groups.get(key);
    groups.delete(key);
    if (group === undefined && (method === "files" || file.stat.bytes > 0)) {
      refuse(
        "extra-file",
        "a file that the manifest does not have: remove it, or have it ignored",
        file.name,
      );
    }
    const sorted = (group ?? []).toSorted((a, b) => (a.range?.start ?? 0) - (b.range?.start ?? 0));
    return { file, resources: sorted };
  });
  for (const missing of groups.keys())
    refuse("resource-missing", "it is not there: get the model again", missing);
  return pairs;
}

function assertLength({ name, stat }: FoundFile, resources: readonly Resource[]): void {
  const last = resources.at(-1);
  const expected = last?.range?.end ?? last?.bytes ?? stat.bytes;
  if (expected !== stat.bytes) refuse("resource-bytes", `${stat.bytes} bytes instead of ${expected}`, name);
}
