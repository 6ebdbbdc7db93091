import { type HexDigest, hexDigest, type JsonValue } from "@vram-residency/types";
import { BUNDLE_BYTES_MAX } from "./envelope.ts";
import { listOf, type Members, membersOf, objectOf, parseJson, textOf } from "./json.ts";
import { assertManifest, type Manifest, type Resource } from "./manifest.ts";
import { type ProvenanceRule, refuse } from "./rules.ts";

const STATEMENT_TYPE = "https://in-toto.io/Statement/v1";
const PREDICATE_TYPE = "https://model_signing/signature/v1.0";

/**
 * Reads the in-toto statement of a signed model. To be called with bytes whose signature was verified, and no others.
 *
 * @throws `ERR_PROVENANCE`: `json…`, `statement-…`, `predicate-type`, `subject`, `method`, `hash-type`, `resource-shape` and
 * the rules of `assertManifest`.
 */
export function readStatement(payload: Uint8Array): Manifest {
  const json = objectOf(
    parseJson(payload, "statement", BUNDLE_BYTES_MAX),
    "statement-shape",
    "the statement",
  );
  if (json["_type"] !== STATEMENT_TYPE) refuse("statement-type", "expected an in-toto statement v1");
  if (json["predicateType"] !== PREDICATE_TYPE) refuse("predicate-type", "expected an OMS signature v1.0");
  const names = ["_type", "subject", "predicateType", "predicate"];
  const statement = membersOf(json, "statement-shape", "the statement", names);
  // Version 1.0 has its verifiers ignore further members of the predicate.
  const predicate = objectOf(statement["predicate"], "statement-shape", "the predicate");
  const { shardBytes, ...serialization } = readSerialization(predicate["serialization"]);
  const algorithms = algorithmNames(serialization.algorithm, shardBytes);
  const resources = listOf(predicate["resources"], "statement-shape", "the list of resources").map((item) =>
    readResource(item, algorithms, shardBytes !== undefined),
  );
  const manifest = { digest: readSubject(statement["subject"]), ...serialization, resources };
  assertManifest(manifest, shardBytes);
  return manifest;
}

/** One subject with one digest: two could name two models. */
function readSubject(value: JsonValue | undefined): HexDigest {
  const subjects = listOf(value, "subject", "the subject");
  if (subjects.length !== 1) refuse("subject", `${subjects.length} subjects instead of one`);
  const { digest } = membersOf(subjects[0], "subject", "the subject", ["digest"], ["name"]);
  return digestOf(membersOf(digest, "subject", "its digest", ["sha256"])["sha256"], "subject");
}

type Serialization = Pick<Manifest, "method" | "algorithm" | "allowSymlinks" | "ignorePaths">;

function readSerialization(
  value: JsonValue | undefined,
): Serialization & { readonly shardBytes: number | undefined } {
  const required = ["method", "hash_type", "allow_symlinks"];
  // Strict: a parameter that is not known may change what the digests are of.
  const members = membersOf(value, "statement-shape", "the serialization", required, [
    "shard_size",
    "ignore_paths",
  ]);
  const { method, hash_type: algorithm, allow_symlinks: allowSymlinks, ignore_paths: ignored = [] } = members;
  if (method !== "files" && method !== "shards") refuse("method", "expected files or shards");
  if (algorithm !== "sha256" && algorithm !== "blake3") refuse("hash-type", "expected sha256 or blake3");
  if (typeof allowSymlinks !== "boolean")
    refuse("statement-shape", "allow_symlinks is neither true nor false");
  const ignorePaths = listOf(ignored, "ignore-path", "the list of ignored paths").map((path) =>
    textOf(path, "ignore-path", "an ignored path"),
  );
  return { method, algorithm, allowSymlinks, ignorePaths, shardBytes: readShardBytes(method, members) };
}

function readShardBytes(method: Manifest["method"], { shard_size: size }: Members): number | undefined {
  if (method === "files")
    return size === undefined ? undefined : refuse("shard-size", "whole files have no shard size");
  return typeof size === "number" && Number.isSafeInteger(size) && size > 0
    ? size
    : refuse("shard-size", "expected a positive number of bytes");
}

/** The reference implementation puts the size of a shard into the name of the hash. */
function algorithmNames(algorithm: string, shardBytes: number | undefined): readonly string[] {
  return shardBytes === undefined ? [algorithm] : [algorithm, `${algorithm}-sharded-${shardBytes}`];
}

function readResource(item: JsonValue, algorithms: readonly string[], sharded: boolean): Resource {
  const { name, digest, algorithm } = membersOf(item, "resource-shape", "a resource", [
    "name",
    "digest",
    "algorithm",
  ]);
  const text = textOf(name, "resource-shape", "a resource's name");
  if (typeof algorithm !== "string" || !algorithms.includes(algorithm)) {
    refuse("hash-type", "a resource has another hash than the manifest", text);
  }
  const place = sharded ? readRange(text) : { path: text };
  return { name: text, ...place, digest: digestOf(digest, "resource-shape") };
}

/** The last two numbers are the range: a path may have colons of its own. */
function readRange(name: string): Pick<Resource, "path"> & Required<Pick<Resource, "range">> {
  const [, path = "", from, to] =
    /^(.+):(0|[1-9]\d*):([1-9]\d*)$/s.exec(name) ?? refuse("resource-name", "expected path:start:end", name);
  const range = { start: Number(from), end: Number(to) };
  if (!Number.isSafeInteger(range.end) || range.start >= range.end) {
    refuse("resource-name", "a range ends before it begins, or beyond 2^53", name);
  }
  return { path, range };
}

/** Lowercase only: a digest has one spelling. */
function digestOf(value: JsonValue | undefined, rule: ProvenanceRule): HexDigest {
  const text = textOf(value, rule, "a digest");
  if (!/^[0-9a-f]{64}$/.test(text)) refuse(rule, "expected a digest as 64 lowercase hexadecimal digits");
  return hexDigest(text);
}
