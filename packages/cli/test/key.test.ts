import { afterAll, describe, expect, test } from "bun:test";
import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileKeys, formatKeyFile, keyId, RootSecret, readKeyFile } from "@vram-residency/seal";
import type { FileSystem } from "@vram-residency/types";
import { nodeFileSystem } from "@vram-residency/types/node";
import { NEXT_SUFFIX, replaceKeyFile } from "../src/key/store.ts";
import { closedLog, LOG, ROOT, verifySecretOf, writeLog } from "./audit-log.ts";
import { scratchDirectory, vramr } from "./scratch.ts";

const scratch = await scratchDirectory();
afterAll(() => scratch.remove());
let made = 0;

async function newKey(...args: readonly string[]): Promise<string> {
  const path = join(scratch.path, `key-${made++}`);
  expect((await vramr(["key", "create", "--out", path, ...args])).code).toBe(0);
  return path;
}

describe("vramr key create", () => {
  test("writes a root that fileKeys takes, for its owner alone, and prints its public id", async () => {
    const path = join(scratch.path, "seal.key");
    const { code, out } = await vramr(["key", "create", "--out", path]);
    const [root] = await fileKeys(nodeFileSystem, path, { ownerId: process.getuid?.() ?? 0 }).sealRoots();

    expect(code).toBe(0);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(root?.state).toBe("active");
    expect(out).toBe(`seal root\n${keyId(new RootSecret(root?.secret ?? new Uint8Array(32)))}  active\n`);
    expect(await readFile(await newKey(), "utf8")).not.toBe(await readFile(path, "utf8"));
  });

  test("never writes over anything, and leaves nothing when it cannot write", async () => {
    const path = await newKey();
    const before = await readFile(path, "utf8");
    const there = await vramr(["key", "create", "--out", path]);
    const nowhere = await vramr(["key", "create", "--out", join(scratch.path, "missing", "key")]);
    const unnamed = await vramr(["key", "create"]);
    const nameless = await vramr(["key", "create", "--out", join(scratch.path, "k"), "--deployment", ""]);

    expect([there.code, nowhere.code, unnamed.code, nameless.code]).toEqual([2, 3, 2, 2]);
    expect(await readFile(path, "utf8")).toBe(before);
    expect(await readdir(scratch.path)).not.toContain("k");
  });

  test("keeps the root of an audit log apart from that of seals", async () => {
    const path = await newKey("--audit");
    expect((await vramr(["key", "show", path])).out).toMatch(
      /^audit root\nk\w{16} {2}active\n {2}public key [0-9a-f]{64}\n$/,
    );
    await expect(fileKeys(nodeFileSystem, path).sealRoots()).rejects.toMatchObject({
      code: "ERR_CONFIG_INVALID",
    });
  });
});

describe("vramr key show", () => {
  test("tells ids and states, and no digit of a secret, in text and JSON", async () => {
    const path = await newKey();
    await vramr(["key", "rotate", path]);
    const secrets = (await readFile(path, "utf8")).match(/[0-9a-f]{64}/g) ?? [];
    const text = await vramr(["key", "show", path]);
    const json = await vramr(["key", "show", path, "--json"]);

    expect(secrets).toHaveLength(2);
    for (const secret of secrets) {
      for (let at = 0; at + 8 <= secret.length; at++) {
        expect(text.out + json.out).not.toContain(secret.slice(at, at + 8));
      }
    }
    expect(text.out).toMatch(/^seal root\nk\w{16} {2}active\nk\w{16} {2}verify-only\n$/);
    expect((await vramr(["key", "show", path, "--deployment", "other"])).out).not.toBe(text.out);
  });

  test("reads a file of one line, and refuses one that others may read, a link, and what is none", async () => {
    const path = join(scratch.path, "line");
    await writeFile(path, `${"0123456789abcdef".repeat(4)}\n`, { mode: 0o600 });
    expect((await vramr(["key", "show", path])).out).toStartWith("seal root\nk");

    await symlink(path, `${path}.link`);
    expect((await vramr(["key", "show", `${path}.link`])).code).toBe(2);
    await chmod(path, 0o644);
    const { code, out, err } = await vramr(["key", "show", path]);
    expect([code, out]).toEqual([2, ""]);
    expect(err).toContain("chmod 600");
    expect((await vramr(["key", "show", join(scratch.path, "missing")])).code).toBe(2);
  });
});

describe("vramr key export", () => {
  const log = join(scratch.path, "logs", "audit");
  const root = join(scratch.path, "keys", "audit.key");

  /** What the maker of the log knows: its root in a key file, under the vectors' deployment. */
  async function prepare(): Promise<readonly string[]> {
    await mkdir(join(scratch.path, "keys"), { recursive: true });
    await writeLog(log, closedLog(16));
    const text = formatKeyFile({ purpose: "audit", roots: [{ secret: ROOT, state: "active" }] });
    await writeFile(root, text, { mode: 0o600 });
    return ["key", "export", root, "--deployment", "example-node-1", "--log"];
  }

  test("makes what verifies one log, for its owner alone, from the log itself or from its id", async () => {
    const command = await prepare();
    for (const [name, of] of [
      ["dir", log],
      ["id", LOG],
    ] as const) {
      const [pub, mac] = [join(scratch.path, `${name}.pub`), join(scratch.path, `${name}.mac`)];
      const said = await vramr([...command, of, "--public-key", pub, "--verify-secret", mac]);

      expect([said.code, said.err]).toEqual([0, ""]);
      expect(said.out).toBe(`log ${LOG}\nroot kd50554a8aafcc48b\n`);
      expect(await readFile(pub, "utf8")).toBe(await readFile(join(log, "log.pub"), "utf8"));
      expect((await stat(mac)).mode & 0o777).toBe(0o600);
      expect(await readFile(mac, "utf8")).toBe(verifySecretOf(LOG));
      const verified = await vramr(["audit", "verify", log, "--public-key", pub, "--mac-key", mac]);
      expect(verified.out).toContain("checked, all right");
    }
  });

  test("never prints a secret, never writes over a file, never puts a secret with the log", async () => {
    const command = await prepare();
    const out = join(scratch.path, "once.mac");
    const first = await vramr([...command, LOG, "--verify-secret", out, "--json"]);
    const secret = /\.([0-9a-f]{64})\n$/.exec(await readFile(out, "utf8"))?.[1] ?? "missing";
    expect(first.out + first.err).not.toContain(secret.slice(0, 8));
    expect((await vramr([...command, LOG, "--verify-secret", out])).code).toBe(2);
    for (const place of [join(log, "x.mac"), join(log, "..", "x.mac")]) {
      const { code, err } = await vramr([...command, LOG, "--verify-secret", place]);
      expect([code, err]).toEqual([2, expect.stringContaining("keep it where")]);
      const root = await vramr(["key", "create", "--audit", "--out", place]);
      expect([root.code, root.err]).toEqual([2, expect.stringContaining("keep it where")]);
    }
    expect(await readdir(join(log, ".."))).toEqual(["audit"]);
  });

  test("refuses a root that the log is not of, a seal root, a log that is none, and nothing to do", async () => {
    const command = await prepare();
    const other = join(scratch.path, "keys", "other.key");
    await vramr(["key", "create", "--audit", "--out", other]);
    const out = join(scratch.path, "never.pub");
    for (const [args, said] of [
      [
        ["key", "export", other, "--log", log, "--public-key", out],
        "does not hold the root kd50554a8aafcc48b",
      ],
      [["key", "export", root, "--log", log, "--public-key", out], "under this --deployment"],
      [["key", "export", await newKey(), "--log", LOG, "--public-key", out], "seal root"],
      [[...command, scratch.path, "--public-key", out], "no record can be read there"],
      [[...command, join(scratch.path, "missing"), "--public-key", out], "no such directory"],
      [[...command, LOG], "name what to make"],
    ] as const) {
      const { code, err } = await vramr(args);
      expect([code, err]).toEqual([2, expect.stringContaining(said)]);
    }
    expect(await readdir(scratch.path)).not.toContain("never.pub");
  });
});

describe("vramr key rotate", () => {
  test("adds a generation, keeps every old one to verify, and changes nothing else", async () => {
    const path = await newKey("--audit");
    const before = await readKeyFile(nodeFileSystem, path);
    const { code, out } = await vramr(["key", "rotate", path]);
    const { purpose, roots } = await readKeyFile(nodeFileSystem, path);

    expect([code, purpose]).toEqual([0, "audit"]);
    expect(out).toMatch(/^audit root\nk\w{16} {2}active\n {2}public key \w{64}\nk\w{16} {2}verify-only\n/);
    expect(roots[1]).toEqual({ secret: before.roots[0]?.secret ?? new Uint8Array(), state: "verify-only" });
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  test("revokes the old generation when it is told to, and leaves older ones as they are", async () => {
    const path = await newKey();
    await vramr(["key", "rotate", path]);
    await vramr(["key", "rotate", path, "--revoke"]);
    await vramr(["key", "rotate", path]);
    const states = (await readKeyFile(nodeFileSystem, path)).roots.map(({ state }) => state);
    expect(states).toEqual(["active", "verify-only", "revoked", "verify-only"]);
  });

  test("takes 16 generations and not one more", async () => {
    const path = await newKey();
    for (let generation = 2; generation <= 16; generation++) {
      expect((await vramr(["key", "rotate", path])).code).toBe(0);
    }
    const { code, err } = await vramr(["key", "rotate", path]);
    expect(code).toBe(2);
    expect(err).toContain("16 generations");
    expect(await readdir(scratch.path)).not.toContain(`${path}${NEXT_SUFFIX}`);
  });

  test("loses no generation when several run at once", async () => {
    const path = await newKey();
    const codes = (await Promise.all(Array.from({ length: 8 }, () => vramr(["key", "rotate", path])))).map(
      ({ code }) => code,
    );
    const done = codes.filter((code) => code === 0).length;

    expect(done).toBeGreaterThan(0);
    expect(codes.filter((code) => code !== 0 && code !== 2)).toEqual([]);
    expect((await readKeyFile(nodeFileSystem, path)).roots).toHaveLength(1 + done);
    expect((await readdir(scratch.path)).filter((name) => name.endsWith(NEXT_SUFFIX))).toEqual([]);
  });

  test("keeps the old file, and leaves nothing else, whatever fails on the way", async () => {
    const path = await newKey();
    const before = await readFile(path, "utf8");
    const file = await readKeyFile(nodeFileSystem, path);
    const full = Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
    for (const failing of ["write", "dataSync"] as const) {
      const fileSystem: FileSystem = {
        ...nodeFileSystem,
        async open(name, options) {
          const handle = await nodeFileSystem.open(name, options);
          return Object.assign(handle, { [failing]: () => Promise.reject(full) });
        },
      };
      await expect(replaceKeyFile(fileSystem, path, () => Promise.resolve(file))).rejects.toBe(full);
    }
    await expect(replaceKeyFile(nodeFileSystem, path, () => Promise.reject(full))).rejects.toBe(full);

    expect(await readFile(path, "utf8")).toBe(before);
    expect((await readdir(scratch.path)).filter((name) => name.endsWith(NEXT_SUFFIX))).toEqual([]);
    expect((await vramr(["key", "rotate", path])).code).toBe(0);
  });
});
