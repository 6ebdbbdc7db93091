import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { appendFile, mkdir, mkdtemp, rename, rm, symlink, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createManifest,
  decodeManifest,
  encodeManifest,
  hubDigest,
  type Manifest,
  type ModelOptions,
  manifestOfChecksums,
  PROVENANCE_RULES,
  verifyBundle,
  verifyModel,
} from "@vram-residency/provenance";
import { nodeSignatureVerifier } from "@vram-residency/provenance/node";
import type { FileSystem } from "@vram-residency/types";
import { nodeFileSystem } from "@vram-residency/types/node";
import {
  bundle,
  FILES,
  keyTrust,
  resourcesOf,
  rootOf,
  type StatementParts,
  sha256,
  statement,
} from "./bundles.ts";
import { ruleOf } from "./refused.ts";

let model = "";
let outside = "";
beforeEach(async () => {
  outside = await mkdtemp(join(tmpdir(), "provenance-"));
  model = join(outside, "model");
  await mkdir(join(model, "b"), { recursive: true });
  for (const [name, text] of Object.entries(FILES)) await writeFile(join(model, name), text);
});
afterEach(() => rm(outside, { recursive: true }));

const OPTIONS: ModelOptions = { fileSystem: nodeFileSystem };

function signed(parts: StatementParts = {}): Manifest {
  const bytes = bundle({ payload: JSON.stringify(statement(parts)) });
  return verifyBundle(bytes, keyTrust(), nodeSignatureVerifier).manifest;
}

const verify = (parts: StatementParts = {}, options: Partial<ModelOptions> = {}): Promise<string> =>
  ruleOf(() => verifyModel(model, signed(parts), { ...OPTIONS, ...options }));
const put = (name: string, text = ""): Promise<void> => writeFile(join(model, name), text);
const links: StatementParts = { serialization: { allow_symlinks: true } };
const ranges = (text: string, size: number, name = "m.bin"): StatementParts => {
  const starts = Array.from({ length: Math.ceil(text.length / size) }, (_, index) => index * size);
  const resources = starts.map((start) => {
    const part = text.slice(start, start + size);
    return {
      name: `${name}:${start}:${start + part.length}`,
      digest: sha256(part),
      algorithm: `sha256-sharded-${size}`,
    };
  });
  return { resources, serialization: { method: "shards", shard_size: size } };
};

/** A file system that does something just before a file is read. */
const meddling = (meddle: (path: string) => Promise<void>): FileSystem => ({
  ...nodeFileSystem,
  async open(path, options) {
    const file = await nodeFileSystem.open(path, options);
    let meddled = false;
    return {
      fd: file.fd,
      async read(into, position) {
        if (!meddled) await meddle(path);
        meddled = true;
        return await file.read(into, position);
      },
      write: () => Promise.reject(new Error("read only")),
      truncate: () => Promise.reject(new Error("read only")),
      dataSync: () => file.dataSync(),
      stat: () => file.stat(),
      [Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
    };
  },
});

type Case = readonly [
  rule: string,
  name: string,
  prepare: () => Promise<unknown>,
  parts?: StatementParts,
  options?: Partial<ModelOptions>,
];

const at = (name: string): string => join(model, name);
const nothing = (): Promise<void> => Promise.resolve();
const TEXT = "0123456789abc";
const RANGES = ranges(TEXT, 5);
const ignoring = (name: string): StatementParts => ({ serialization: { ignore_paths: [name] } });
const swapped: FileSystem = {
  ...nodeFileSystem,
  async open(path, options) {
    await writeFile(`${path}.new`, "one");
    await rename(`${path}.new`, path);
    return await nodeFileSystem.open(path, options);
  },
};

/** Makes the model one file, which was signed in ranges. */
const single = (text: string) => async (): Promise<void> => {
  await rm(at("b"), { recursive: true });
  await rename(at("a.bin"), at("m.bin"));
  await put("m.bin", text);
  await put("empty");
};

/** Puts a file elsewhere, and a link where it was. */
const linked = (name: string, to: string) => async (): Promise<void> => {
  await rename(at(name), join(model, name, "..", to));
  await symlink(to, at(name));
};

const CASES: readonly Case[] = [
  ["accepted", "as it was signed", nothing],
  ["accepted", "beside what Git keeps", () => put(".gitignore")],
  ["accepted", "beside what the publisher left out", () => put("x"), ignoring("x")],
  ["accepted", "beside what the user leaves out", () => put("b/x"), {}, { ignorePaths: ["b/x"] }],
  ["accepted", "in ranges, and with an empty file", single(TEXT), RANGES],
  [
    "accepted",
    "through a link that stays inside",
    linked("a.bin", "b/x"),
    { ...links, resources: resourcesOf({ ...FILES, "b/x": "one" }) },
  ],
  ["resource-digest", "with other bytes", () => put("a.bin", "eno")],
  ["resource-digest", "with a byte more", () => appendFile(at("a.bin"), "x")],
  ["resource-digest", "with a range changed", single(TEXT.replace("6", "X")), RANGES],
  ["resource-bytes", "longer than its ranges", single(`${TEXT}d`), RANGES],
  ["resource-bytes", "shorter than its ranges", single(TEXT.slice(0, 10)), RANGES],
  ["resource-missing", "without a file", () => unlink(at("a.bin"))],
  ["resource-missing", "with a signed file ignored", nothing, {}, { ignorePaths: ["b"] }],
  [
    "resource-missing",
    "with a name in other capitals",
    nothing,
    { resources: resourcesOf({ "A.bin": "one", ...FILES }) },
  ],
  ["extra-file", "beside another file", () => put("x.py")],
  ["extra-file", "beside a hidden file", () => put(".hidden")],
  ["extra-file", "beside what Git keeps, but deeper", () => put("b/.gitignore")],
  ["extra-file", "beside a name like an ignored one", () => put("x.py"), {}, { ignorePaths: ["x"] }],
  ["extra-file", "beside a file of which there are no ranges", () => put("m.bin", TEXT), RANGES],
  ["symlink", "through a link, where none are allowed", linked("a.bin", "b/x")],
  ["symlink", "through a link that leads out", linked("a.bin", "../x"), links],
  ["symlink", "through a link to a directory", () => symlink("b", at("d")), links],
  ["symlink", "through a directory outside", linked("b", "../b"), links],
  ["symlink", "with a link to nowhere", () => symlink("nowhere", at("x")), links],
  ["special-file", "with a pipe", () => Promise.resolve(Bun.spawnSync(["mkfifo", at("pipe")]))],
  ["ignore-path", "with everything ignored", nothing, {}, { ignorePaths: [".."] }],
  ["resource-count", "in directories without end", () => mkdir(at("d/".repeat(70)), { recursive: true })],
  [
    "source: changed",
    "and appended to while it is read",
    nothing,
    {},
    { fileSystem: meddling((path) => appendFile(path, "x")) },
  ],
  [
    "source: changed",
    "and written to while it is read, its length the same",
    nothing,
    {},
    { fileSystem: meddling((path) => writeFile(path, "one", { flag: "r+" })) },
  ],
  ["source: changed", "and swapped after it was found", nothing, {}, { fileSystem: swapped }],
  ["source: unreadable", "and not there", () => rm(model, { recursive: true })],
];

describe("a signed model", () => {
  test.each(
    CASES.map(
      ([rule, name, prepare, parts = {}, options = {}]) => [rule, name, prepare, parts, options] as const,
    ),
  )("%s: %s", async (rule, _, prepare, parts, options) => {
    await prepare();
    expect(await verify(parts, options)).toBe(rule);
  });

  test("of one file has no name of its own", async () => {
    const parts: StatementParts = { resources: resourcesOf({ ".": "one" }) };
    expect(await ruleOf(() => verifyModel(join(model, "a.bin"), signed(parts), OPTIONS))).toBe("accepted");
    expect(await ruleOf(() => verifyModel(join(model, "b"), signed(parts), OPTIONS))).toBe("resource-digest");
    expect(await verify(parts)).toBe("extra-file");
  });

  test("says how far it is, and stops when told to", async () => {
    const seen: (readonly number[])[] = [];
    const report = await verifyModel(model, signed(), { ...OPTIONS, onProgress: (...now) => seen.push(now) });
    expect(report).toEqual({ files: 2, bytes: 6, digest: signed().digest });
    expect(seen).toEqual([
      [3, 6],
      [6, 6],
    ]);
    expect(verifyModel(model, signed(), { ...OPTIONS, signal: AbortSignal.abort() })).rejects.toThrow(
      "ERR_CANCELLED",
    );
  });
});

describe("a manifest of our own", () => {
  const decode = (text: string): Manifest => decodeManifest(new TextEncoder().encode(text));

  test("is of the files that are there, has the digest that OMS would sign, and survives writing", async () => {
    await put("\u{1F600}", "1");
    await put("\uFFFD", "2");
    const manifest = await createManifest(model, OPTIONS);
    expect(manifest.resources.map(({ name }) => name)).toEqual(["a.bin", "b/c.bin", "\uFFFD", "\u{1F600}"]);
    expect<string>(manifest.digest).toBe(rootOf(manifest.resources));
    expect(decode(encodeManifest(manifest))).toEqual(manifest);
    expect(await ruleOf(() => verifyModel(model, manifest, OPTIONS))).toBe("accepted");
  });

  test("is refused when any character of it is changed, unless that is white space", async () => {
    const text = encodeManifest(await createManifest(model, OPTIONS));
    const survivors: string[] = [];
    for (const [index, character] of [...text].entries()) {
      const other = character === "7" ? "8" : "7";
      const spoilt = text.slice(0, index) + other + text.slice(index + 1);
      const rule = await ruleOf(() => decode(spoilt));
      // A name or a length is what the manifest says: its files decide.
      if (
        rule === "accepted" &&
        (await ruleOf(() => verifyModel(model, decode(spoilt), OPTIONS))) === "accepted"
      ) {
        survivors.push(character);
      }
    }
    expect(survivors).toEqual([]);
  });

  const files = (list: readonly object[]): string =>
    JSON.stringify({ version: "vram-residency.manifest/v1", digest: sha256(""), files: list });
  const file = { name: "a", bytes: 1, sha256: sha256("a") };

  test.each([
    ["manifest-shape", "another version", files([file]).replace("/v1", "/v2")],
    ["manifest-shape", "a member too many", files([{ ...file, more: 1 }])],
    ["manifest-shape", "a negative length", files([{ ...file, bytes: -1 }])],
    ["manifest-shape", "half a byte", files([{ ...file, bytes: 0.5 }])],
    ["manifest-shape", "a digest in capitals", files([{ ...file, sha256: sha256("a").toUpperCase() }])],
    ["json", "no JSON", "#"],
    ["json-duplicate-name", "a member twice", files([file]).replace("{", '{"files":[],')],
    ["json-trailing-data", "two of them", files([file]) + files([file])],
    ["resource-count", "no file", files([])],
    ["resource-name", "a file outside", files([{ ...file, name: "../a" }])],
    ["resource-duplicate", "a file twice", files([file, file])],
    ["resource-order", "files out of order", files([{ ...file, name: "b" }, file])],
    ["root-digest", "another digest", files([file])],
  ])("%s: %s", async (rule, _, text) => {
    expect(await ruleOf(() => decode(text))).toBe(rule);
  });

  test("notices a file that grew, before hashing anything", async () => {
    const manifest = await createManifest(model, OPTIONS);
    await appendFile(join(model, "a.bin"), "x");
    const fileSystem = { ...nodeFileSystem, open: () => Promise.reject(new Error("opened")) };
    expect(await ruleOf(() => verifyModel(model, manifest, { fileSystem }))).toBe("resource-bytes");
  });

  test("cannot be made of nothing, or of links", async () => {
    await mkdir(join(model, "none"));
    expect(await ruleOf(() => createManifest(join(model, "none"), OPTIONS))).toBe("resource-count");
    await symlink("a.bin", join(model, "x"));
    expect(await ruleOf(() => createManifest(model, OPTIONS))).toBe("symlink");
  });
});

describe("what sha256sum printed", () => {
  test("may be of more files than a function has arguments", () => {
    const many = Array.from({ length: 70_000 }, (_, index) => `${sha256("")}  ${index}`);
    expect(manifestOfChecksums(many.join("\n")).resources.length).toBe(70_000);
  });

  const lines = `# a comment\r\n${sha256("two")} *b/c.bin\n\n${sha256("one").toUpperCase()}  ./a.bin\n`;

  test("is a manifest, whatever its order", async () => {
    expect(await ruleOf(() => verifyModel(model, manifestOfChecksums(lines), OPTIONS))).toBe("accepted");
    await put("a.bin", "1");
    expect(await ruleOf(() => verifyModel(model, manifestOfChecksums(lines), OPTIONS))).toBe(
      "resource-digest",
    );
  });

  test.each([
    ["checksum-line", "a line that is none", "x"],
    ["checksum-line", "a line cut short", sha256("")],
    ["checksum-line", "an escaped name", `\\${sha256("")}  a\\nb`],
    ["resource-name", "a name outside", `${sha256("")}  ../a`],
    ["resource-name", "an absolute name", `${sha256("")}  /etc/passwd`],
    ["resource-duplicate", "a name twice", `${sha256("a")}  a\n${sha256("b")}  ./a`],
    ["resource-count", "nothing", "# nothing\n"],
  ])("%s: %s", async (rule, _, text) => {
    expect(await ruleOf(() => manifestOfChecksums(text))).toBe(rule);
  });
});

test("a Hugging Face cache names a file by its digest, and small ones not", async () => {
  const digest = sha256("weights");
  await mkdir(join(outside, "blobs"));
  await writeFile(join(outside, "blobs", digest), "weights");
  await symlink(join("../blobs", digest), join(model, "model.safetensors"));
  await writeFile(join(outside, "blobs", digest.slice(0, 40)), "config");
  await symlink(join("../blobs", digest.slice(0, 40)), join(model, "config.json"));

  expect<unknown>(await hubDigest(join(model, "model.safetensors"), nodeFileSystem)).toBe(digest);
  expect(await hubDigest(join(model, "config.json"), nodeFileSystem)).toBeUndefined();
  expect(await hubDigest(join(model, "a.bin"), nodeFileSystem)).toBeUndefined();
  expect(await ruleOf(() => hubDigest(join(model, "missing"), nodeFileSystem))).toBe("source: unreadable");
});

test("every rule about files is broken in some case above", () => {
  const found = new Set(CASES.map(([rule]) => rule));
  const own = PROVENANCE_RULES.slice(
    PROVENANCE_RULES.indexOf("symlink"),
    PROVENANCE_RULES.indexOf("manifest-shape"),
  );
  expect(own.filter((rule) => !found.has(rule))).toEqual([]);
});
