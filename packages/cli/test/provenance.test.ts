import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import { appendFile, copyFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Said, scratchDirectory, vramr } from "./scratch.ts";
import { type SignedModel, signedModel } from "./signed-model.ts";

const scratch = await scratchDirectory();
afterAll(() => scratch.remove());

let count = 0;
let signed: SignedModel;
beforeEach(async () => {
  signed = await signedModel(join(scratch.path, String(count++)));
});

const verify = (...args: readonly string[]): Promise<Said> =>
  vramr(["provenance", "verify", signed.model, "--bundle", signed.bundle, ...args]);

describe("vramr provenance verify", () => {
  test("accepts a model as it was signed, its bundle beside it, and says by whom", async () => {
    const { code, out, err } = await verify("--public-key", signed.key);
    expect([code, err]).toEqual([0, ""]);
    expect(out).toMatch(
      /^ok 2 files, 10 B \(10 bytes\), as in the manifest [0-9a-f]{64}\n {3}signed with the key [0-9a-f]{64}\n$/,
    );
  });

  test.each<[string, string, () => Promise<unknown>]>([
    ["resource-digest", "a file was changed", () => writeFile(join(signed.model, "a.bin"), "A.bin")],
    ["extra-file", "a file came along", () => writeFile(join(signed.model, "c.bin"), "")],
    ["extra-file", "the bundle is there twice", () => copyFile(signed.bundle, `${signed.bundle}2`)],
    ["json-trailing-data", "something follows the bundle", () => appendFile(signed.bundle, "{}")],
  ])("exits 1 with %s when %s", async (rule, _, spoil) => {
    await spoil();
    const { code, out, err } = await verify("--public-key", signed.key);
    expect([code, out]).toEqual([1, ""]);
    expect(err).toStartWith(`vramr: ERR_PROVENANCE: ${rule}`);
    const { out: json } = await verify("--public-key", signed.key, "--json");
    expect(JSON.parse(json)).toMatchObject({ kind: "ModelVerification", ok: false, rule });
  });

  test("does not take another key, and does not take the bundle's word", async () => {
    const { code, err } = await verify("--public-key", signed.otherKey);
    expect([code, err]).toEqual([1, expect.stringContaining("key-differs")]);
  });

  test("leaves out what the user names", async () => {
    await writeFile(join(signed.model, "notes"), "");
    const { code } = await verify("--public-key", signed.key, "--ignore-path", "notes");
    expect(code).toBe(0);
  });

  test("tells wrong arguments from files that are not there", async () => {
    expect((await verify()).code).toBe(2);
    expect((await verify("--public-key", signed.key, "--certificate-chain", signed.key)).code).toBe(2);
    expect((await verify("--public-key", signed.key, "--ignore-expiry")).code).toBe(2);
    expect((await verify("--public-key", join(scratch.path, "missing"))).code).toBe(3);
    expect((await vramr(["provenance", "verify", signed.model])).code).toBe(2);
    const missing = ["provenance", "verify", join(scratch.path, "missing"), "--bundle", signed.bundle];
    expect((await vramr([...missing, "--public-key", signed.key])).code).toBe(3);
  });

  test("does not take a key for a chain", async () => {
    const { code, err } = await verify("--certificate-chain", signed.key);
    expect([code, err]).toEqual([1, expect.stringContaining("bundle-material")]);
  });
});

describe("vramr manifest", () => {
  test("checks what it made, and what sha256sum prints, also from within the model", async () => {
    const { out } = await vramr(["manifest", "create", signed.model]);
    const list = join(signed.model, "own.manifest");
    await writeFile(list, out);
    const check = ["manifest", "verify", signed.model, "--manifest"];
    expect((await vramr([...check, list])).code).toBe(0);

    const sums = Bun.spawnSync(["sha256sum", "./a.bin", "b.bin"], { cwd: signed.model }).stdout;
    await writeFile(`${scratch.path}/SUMS`, sums);
    const ignored = ["--ignore-path", "own.manifest", "model.sig"];
    expect((await vramr([...check, `${scratch.path}/SUMS`, ...ignored])).code).toBe(0);
    expect((await vramr([...check, `${scratch.path}/SUMS`])).code).toBe(1);

    await writeFile(join(signed.model, "b.bin"), "B.bin");
    const wrong = await vramr([...check, list]);
    expect([wrong.code, wrong.err]).toEqual([1, expect.stringContaining("resource-digest (b.bin)")]);
  });

  test("tells lists that are none from lists that are not there", async () => {
    const check = (list: string): Promise<Said> =>
      vramr(["manifest", "verify", signed.model, "--manifest", list]);
    await writeFile(`${scratch.path}/bad`, new Uint8Array([0x23, 0xff]));
    expect((await check(`${scratch.path}/bad`)).code).toBe(2);
    expect((await check(`${scratch.path}/missing`)).code).toBe(3);
    expect((await check(signed.key)).code).toBe(1);
    expect((await vramr(["manifest", "create", `${scratch.path}/missing`])).code).toBe(3);
  });
});
