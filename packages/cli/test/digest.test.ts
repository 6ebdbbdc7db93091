import { afterAll, describe, expect, test } from "bun:test";
import { chmod, mkdir, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { scratchDirectory, vramr } from "./scratch.ts";
import { fakeTerminal } from "./terminal.ts";

const scratch = await scratchDirectory();
afterAll(() => scratch.remove());

const MIB = 1024 * 1024;
const BOUNDARIES = [
  0,
  1,
  4095,
  4096,
  4097,
  MIB - 1,
  MIB,
  MIB + 1,
  128 * 4096 - 1,
  128 * 4096,
  128 * 4096 + 1,
];
const RANDOM = Array.from({ length: 6 }, () => Math.floor(Math.random() * 3 * MIB));

const files: string[] = [];
for (const bytes of new Set([...BOUNDARIES, ...RANDOM])) {
  const path = join(scratch.path, `random-${bytes}`);
  await writeFile(path, crypto.getRandomValues(Buffer.alloc(Math.min(bytes, 65_536))));
  // Random to 64 KiB, then repeated, so that every block differs from the one before.
  const seed = await Bun.file(path).bytes();
  await writeFile(
    path,
    Uint8Array.from({ length: bytes }, (_, at) => (seed[at % 65_521] ?? 0) ^ (at >> 16)),
  );
  files.push(path);
}
/** Three levels of the tree, and a byte: costs no disk. */
const SPARSE = [128 * 128 * 4096 + 1];
if (process.env["VRAM_LONG"] === "1") SPARSE.push(5 * 1024 * MIB);
for (const bytes of SPARSE) {
  const path = join(scratch.path, `sparse-${bytes}`);
  await writeFile(path, "");
  await truncate(path, bytes);
  files.push(path);
}

/** The tools that print the same digests. fs-verity's names its hash, and puts one blank before the name. */
const TOOLS = [
  { algorithm: "sha256", tool: ["sha256sum"], said: (line: string) => line },
  { algorithm: "blake3", tool: ["b3sum"], said: (line: string) => line },
  {
    algorithm: "fsverity-sha256",
    tool: ["fsverity", "digest"],
    said: (line: string) => line.replace(/^sha256:(\w+) /, "$1  "),
  },
] as const;

describe.each(TOOLS)("vramr digest --algorithm $algorithm", ({ algorithm, tool, said }) => {
  const there = Bun.which(tool[0]) !== null;
  if (!there) console.log(`skipped: ${files.length} files against ${tool[0]}, which is not installed`);

  test.skipIf(!there)(
    `prints what ${tool[0]} prints, for every size around a boundary`,
    async () => {
      const { code, out, err } = await vramr(["digest", "--algorithm", algorithm, ...files]);
      const theirs = Bun.spawnSync([...tool, ...files]).stdout.toString();

      expect([code, err]).toEqual([0, ""]);
      expect(out.split("\n")).toEqual(theirs.split("\n").map(said));
      expect(out.split("\n")).toHaveLength(files.length + 1);
    },
    600_000,
  );

  test.skipIf(!there)(`and its --check reads what ${tool[0]} wrote, also from standard input`, async () => {
    const some = files.slice(0, 5);
    const input = Bun.spawnSync([...tool, ...some]).stdout.toString();
    const args = ["digest", "--check", "-", ...(algorithm === "blake3" ? ["-a", "blake3"] : [])];

    expect(await vramr(args, fakeTerminal({ input }))).toEqual({
      code: 0,
      out: some.map((name) => `${name}: OK\n`).join(""),
      err: "",
    });
  });
});

const NAMES = [
  "plain",
  "two words",
  "back\\slash",
  "new\nline",
  "carriage\rreturn",
  "-dash",
  "*star",
  "ünï",
  "\\n",
  "a  b",
];

describe("names", () => {
  test("are escaped as sha256sum does, and both read each other's lines", async () => {
    const directory = join(scratch.path, "names");
    await mkdir(directory);
    const paths = NAMES.map((name) => join(directory, name));
    for (const path of paths) await writeFile(path, path);
    const theirs = Bun.spawnSync(["sha256sum", "--", ...paths]).stdout.toString();

    const ours = await vramr(["digest", "--", ...paths]);
    const back = Bun.spawnSync(["sha256sum", "--check", "--quiet", "-"], { stdin: Buffer.from(ours.out) });
    const checked = await vramr(["digest", "--check", "-"], fakeTerminal({ input: theirs }));

    expect(ours).toEqual({ code: 0, out: theirs, err: "" });
    expect([back.exitCode, back.stdout.toString()]).toEqual([0, ""]);
    // Escaped here as well, which sha256sum does for some names only: a name must not look like another line.
    const lines = theirs.split("\n").map((line) => line.replace(/^(\\?)\w{64} {2}(.+)$/, "$1$2: OK"));
    expect(checked).toEqual({ code: 0, out: lines.join("\n"), err: "" });
  });
});

describe("vramr digest", () => {
  const some = files.slice(2, 6);

  test("reads standard input when no file is named, and for -", async () => {
    const line = `${Bun.SHA256.hash("abc", "hex")}  -\n`;
    for (const args of [["digest"], ["digest", "-"]]) {
      expect(await vramr(args, fakeTerminal({ input: "abc" }))).toEqual({ code: 0, out: line, err: "" });
    }
  });

  test("refuses to read standard input twice", async () => {
    const { code, out, err } = await vramr(["digest", "-", "-"]);
    expect([code, out]).toEqual([2, ""]);
    expect(err).toContain("only once");
  });

  test("goes on after a file that cannot be read, and says so with exit code 3", async () => {
    const locked = join(scratch.path, "locked");
    await writeFile(locked, "x");
    await chmod(locked, 0o000);
    const missing = join(scratch.path, "missing");
    const { code, out, err } = await vramr(["digest", missing, some[0] ?? "", scratch.path, some[1] ?? ""]);

    expect(code).toBe(3);
    expect(out.trimEnd().split("\n")).toHaveLength(2);
    expect(err).toBe(
      `vramr: ${missing}: no such file or directory\nvramr: ${scratch.path}: is a directory\n`,
    );
    if (process.getuid?.() !== 0) {
      expect((await vramr(["digest", locked])).err).toContain("permission denied");
    }
  });

  test("gives one JSON document with what was read and what was not", async () => {
    const { code, out } = await vramr(["digest", "--json", "-a", "blake3", some[0] ?? "", "/nonexistent"]);

    expect(code).toBe(3);
    expect(JSON.parse(out)).toMatchObject({
      apiVersion: "vram-residency.digest/v1",
      kind: "Digests",
      algorithm: "blake3",
      files: [
        { name: some[0], bytes: 4095 },
        { name: "/nonexistent", reason: "no such file or directory" },
      ],
    });
  });

  test("refuses options that say nothing together, and algorithms it does not know", async () => {
    for (const args of [
      ["--quiet", "x"],
      ["--check", "x", "y"],
      ["--algorithm", "md5", "x"],
      ["--check"],
      ["--nonsense"],
    ]) {
      const { code, out, err } = await vramr(["digest", ...args]);
      expect([args, code, out]).toEqual([args, 2, ""]);
      expect(err).not.toContain("    at ");
    }
  });

  test("stops when it is interrupted", async () => {
    const interrupt = new AbortController();
    interrupt.abort();
    const { code, out } = await vramr(["digest", ...files], fakeTerminal({ signal: interrupt.signal }));
    expect([code, out]).toEqual([130, ""]);
  });
});

describe("vramr digest --check", () => {
  const [good = "", bad = "", other = ""] = files.slice(2);
  const missing = join(scratch.path, "missing");

  async function sums(name: string, lines: readonly string[]): Promise<string> {
    const path = join(scratch.path, name);
    await writeFile(path, lines.map((line) => `${line}\n`).join(""));
    return path;
  }
  async function hash(path: string): Promise<string> {
    return Bun.SHA256.hash(await Bun.file(path).bytes(), "hex");
  }

  test("tells mismatch, missing and good, in the words and the order of sha256sum", async () => {
    const path = await sums("mixed", [
      `${await hash(good)}  ${good}`,
      `${await hash(good)}  ${bad}`,
      `${await hash(good)}  ${missing}`,
      `${(await hash(other)).toUpperCase()} *${other}`,
    ]);
    const ours = await vramr(["digest", "--check", path]);
    const theirs = Bun.spawnSync(["sha256sum", "--check", path], { env: { ...process.env, LC_ALL: "C" } });

    expect(ours.code).toBe(1);
    expect(ours.out).toBe(theirs.stdout.toString());
    expect(ours.err.toLowerCase()).toBe(
      theirs.stderr.toString().replaceAll("sha256sum:", "vramr:").toLowerCase(),
    );
  });

  test("is quiet about good files only, when asked to be", async () => {
    const path = await sums("quiet", [`${await hash(good)}  ${good}`, `${await hash(good)}  ${bad}`]);
    expect((await vramr(["digest", "--check", path, "--quiet"])).out).toBe(`${bad}: FAILED\n`);
  });

  test("has an exit code for each: 1 for a mismatch, 3 for a file that is not there, 2 for no checksums", async () => {
    const absent = await sums("absent", [`${await hash(good)}  ${good}`, `${await hash(good)}  ${missing}`]);
    expect((await vramr(["digest", "--check", absent])).code).toBe(3);
    expect((await vramr(["digest", "--check", missing])).code).toBe(3);

    const digest = await hash(good);
    for (const lines of [
      [],
      ["# nothing"],
      [`${digest} ${good}`],
      [`${digest.slice(1)}  ${good}`],
      [`${digest}  `],
      [`\\${digest}  a\\b`],
      [`${digest}  ${good}`, "rubbish"],
      [`sha512:${digest} ${good}`],
    ]) {
      const { code, out, err } = await vramr(["digest", "--check", await sums("bad", lines)]);
      expect([lines, code, out]).toEqual([lines, 2, ""]);
      expect(err).toContain("ERR_FORMAT_INVALID");
      expect(err).not.toContain(digest.slice(0, 9));
    }
    await writeFile(join(scratch.path, "latin1"), Uint8Array.of(...Buffer.from(`${digest}  `), 0xe4, 0x0a));
    expect((await vramr(["digest", "--check", join(scratch.path, "latin1")])).code).toBe(2);
  });

  test("takes lines that name their algorithm, and none that name another than was asked for", async () => {
    const blake3 = (await vramr(["digest", "-a", "blake3", good])).out.slice(0, 64);
    const path = await sums("tagged", [
      `SHA256 (${good}) = ${await hash(good)}`,
      `BLAKE3 (${good}) = ${blake3}`,
    ]);

    expect((await vramr(["digest", "--check", path])).out).toBe(`${good}: OK\n${good}: OK\n`);
    const { code, err } = await vramr(["digest", "--check", path, "-a", "blake3"]);
    expect(code).toBe(2);
    expect(err).toContain("line 1");
  });

  test("checks standard input under its name -, but not while it reads the checksums from there", async () => {
    const path = await sums("stdin", [`${Bun.SHA256.hash("abc", "hex")}  -`]);
    expect(await vramr(["digest", "--check", path], fakeTerminal({ input: "abc" }))).toEqual({
      code: 0,
      out: "-: OK\n",
      err: "",
    });
    const input = await Bun.file(path).text();
    expect((await vramr(["digest", "--check", "-"], fakeTerminal({ input }))).code).toBe(2);
  });

  test("gives one JSON document with status, expected and actual digest", async () => {
    const path = await sums("json", [`${await hash(good)}  ${good}`, `${await hash(good)}  ${bad}`]);
    const { code, out } = await vramr(["digest", "--check", path, "--json"]);

    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({
      kind: "DigestCheck",
      ok: false,
      counts: { ok: 1, failed: 1, unreadable: 0 },
      files: [{ status: "ok" }, { status: "failed", digest: await hash(good), actual: await hash(bad) }],
    });
  });
});
