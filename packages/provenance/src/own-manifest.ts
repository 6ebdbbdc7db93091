/**
 * Lists of digests that nobody signed: our own manifests, files of checksums, names in a Hugging Face cache.
 *
 * @module
 */
import { assertBytes, assertText } from "@vram-residency/crypto";
import { type FileSystem, type HexDigest, hexDigest, type JsonValue, VramError } from "@vram-residency/types";
import { listOf, membersOf, parseJson, textOf } from "./json.ts";
import { assertManifest, type Manifest, type Resource, rootDigest } from "./manifest.ts";
import { compareCodePoints } from "./names.ts";
import { refuse } from "./rules.ts";

/** Longest list. Unit: bytes. */
const LIST_BYTES_MAX = 64 * 1024 * 1024;

const VERSION = "vram-residency.manifest/v1";
const UNSIGNED = { algorithm: "sha256", method: "files", allowSymlinks: false, ignorePaths: [] } as const;

/** Writes a manifest of files, as `vramr manifest create` does: one JSON document, a line for each file. */
export function encodeManifest({ digest, resources }: Manifest): string {
  const files = resources.map(
    ({ name, bytes, digest: sha256 }) => `    ${JSON.stringify({ name, bytes, sha256 })}`,
  );
  return `{\n  "version": "${VERSION}",\n  "digest": "${digest}",\n  "files": [\n${files.join(",\n")}\n  ]\n}\n`;
}

/**
 * Reads a manifest that {@link encodeManifest} wrote.
 *
 * @throws `ERR_PROVENANCE`: `json…`, `manifest-shape`, and the rules of every manifest.
 */
export function decodeManifest(input: Uint8Array): Manifest {
  assertBytes(input, "input");
  const json = parseJson(input, "manifest", LIST_BYTES_MAX);
  const members = membersOf(json, "manifest-shape", "the manifest", ["version", "digest", "files"]);
  if (members["version"] !== VERSION) refuse("manifest-shape", `expected ${VERSION}`);
  const resources = listOf(members["files"], "manifest-shape", "the list of files").map(readFile);
  const manifest = { ...UNSIGNED, digest: digestOf(members["digest"]), resources };
  assertManifest(manifest);
  return manifest;
}

function readFile(item: JsonValue): Resource {
  const { name, bytes, sha256 } = membersOf(item, "manifest-shape", "a file", ["name", "bytes", "sha256"]);
  const path = textOf(name, "manifest-shape", "a name");
  if (typeof bytes !== "number" || !Number.isSafeInteger(bytes) || bytes < 0) {
    refuse("manifest-shape", "expected a length in bytes", path);
  }
  return { name: path, path, bytes, digest: digestOf(sha256) };
}

function digestOf(value: JsonValue | undefined): HexDigest {
  const text = textOf(value, "manifest-shape", "a digest");
  if (!/^[0-9a-f]{64}$/.test(text)) refuse("manifest-shape", "expected 64 lowercase hexadecimal digits");
  return hexDigest(text);
}

/**
 * Makes a manifest of what `sha256sum` printed.
 *
 * Lines are sorted; a name may begin with `./`; empty lines and those that begin with `#` say nothing.
 *
 * @throws `ERR_PROVENANCE`: `checksum-line`, and the rules of every manifest.
 */
export function manifestOfChecksums(text: string): Manifest {
  assertText(text, "text");
  const lines = text.split("\n").map((line) => line.replace(/\r$/, ""));
  const resources = lines.filter((line) => line !== "" && !line.startsWith("#")).map(readLine);
  const sorted = resources.toSorted((a, b) => compareCodePoints(a.name, b.name));
  const manifest = { ...UNSIGNED, digest: rootDigest(sorted), resources: sorted };
  assertManifest(manifest);
  return manifest;
}

function readLine(line: string): Resource {
  // A backslash at the start says that names are escaped, which no name inside a model needs.
  const [, digest = "", name = ""] =
    /^([0-9a-fA-F]{64}) [ *](.+)$/.exec(line) ?? refuse("checksum-line", "expected lines of sha256sum");
  const path = name.replace(/^\.\//, "");
  return { name: path, path, digest: hexDigest(digest.toLowerCase()) };
}

/**
 * The digest that a Hugging Face cache gives a file: what its link leads to is named by it.
 *
 * @returns undefined for a file that is no such link, or a small one, which the cache names by another hash.
 * @throws `ERR_SOURCE` when the file is not there.
 */
export async function hubDigest(path: string, fileSystem: FileSystem): Promise<HexDigest | undefined> {
  assertText(path, "path");
  const real = await fileSystem.realPath(path).catch((cause: unknown) => {
    const message = "a file of the cache cannot be resolved: check that it was downloaded";
    throw new VramError("ERR_SOURCE", message, { reason: "unreadable" }, { cause });
  });
  const name = /\/blobs\/([0-9a-f]{64})$/.exec(real)?.[1];
  return name === undefined ? undefined : hexDigest(name);
}
