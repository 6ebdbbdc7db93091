import { describe, expect, test } from "bun:test";
import { inspect } from "node:util";
import { fromHex, toHex } from "@vram-residency/crypto";
import { lend } from "@vram-residency/crypto/secret";
import {
  deriveSealKey,
  fileKeys,
  keyId,
  openKeyRing,
  RootSecret,
  randomKeys,
  staticKeys,
  tokenKeys,
} from "@vram-residency/seal";
import type { FileStat, FileSystem, KeyProvider, KeyState, SealRoot } from "@vram-residency/types";
import { expectError } from "./errors.ts";
import { EPOCH, ROOT } from "./fixtures.ts";

const deployment = "example-node-1";
const KEY_HEX = "382791294d02c04724d1646f07539280a0f0cdd334f73d531c8f065c3dc176f5";

function root(seed: number): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, index) => (index * 7 + seed) & 0xff);
}

function provide(...roots: readonly (readonly [number, KeyState])[]): KeyProvider {
  return staticKeys(roots.map(([seed, state]) => ({ secret: root(seed), state })));
}

describe("derivation", () => {
  test("gives the published answers", () => {
    const secret = new RootSecret(ROOT);
    const key = deriveSealKey(secret, { deployment, epoch: EPOCH });

    expect(keyId(secret, deployment)).toBe("kd50554a8aafcc48b");
    expect(key.kid).toBe("kd50554a8aafcc48b");
    expect(key.keyid).toBe(`kd50554a8aafcc48b.${"ee".repeat(16)}`);
    expect(lend(key, toHex)).toBe(KEY_HEX);
  });

  test("changes with the root, the deployment and the epoch, each alone", () => {
    const changed = [
      deriveSealKey(new RootSecret(ROOT.map((byte, index) => (index === 31 ? byte ^ 1 : byte))), {
        deployment,
        epoch: EPOCH,
      }),
      deriveSealKey(new RootSecret(ROOT), { deployment: "example-node-2", epoch: EPOCH }),
      deriveSealKey(new RootSecret(ROOT), { epoch: EPOCH }),
      deriveSealKey(new RootSecret(ROOT), {
        deployment,
        epoch: EPOCH.map((byte, index) => (index === 0 ? byte ^ 1 : byte)),
      }),
    ].map((key) => lend(key, toHex));

    expect(new Set([...changed, KEY_HEX]).size).toBe(5);
  });

  test("takes the deployment named default when none is named", () => {
    const secret = new RootSecret(ROOT);

    expect(keyId(secret)).toBe(keyId(secret, "default"));
  });

  test.each([0, 31])("refuses a root of %d bytes", (length) => {
    expectError(() => new RootSecret(root(1).subarray(0, length)), "ERR_CONFIG_INVALID", { field: "root" });
  });

  test.each([0, 1, 255])("refuses a root whose bytes are all %d", (byte) => {
    expectError(() => new RootSecret(new Uint8Array(64).fill(byte)), "ERR_CONFIG_INVALID", { field: "root" });
  });

  test.each([0, 15, 17])("refuses an epoch of %d bytes", (length) => {
    const epoch = new Uint8Array(length);

    expectError(() => deriveSealKey(new RootSecret(ROOT), { epoch }), "ERR_INPUT_INVALID", {
      field: "epoch",
    });
  });

  test.each(["", "\ud800"])("refuses the deployment %p", (name) => {
    expectError(() => keyId(new RootSecret(ROOT), name), "ERR_CONFIG_INVALID", { field: "deployment" });
  });

  test("copies the root: its caller may wipe it", () => {
    const bytes = ROOT.slice();
    const secret = new RootSecret(bytes);
    bytes.fill(0);

    expect(keyId(secret, deployment)).toBe("kd50554a8aafcc48b");
  });
});

describe("secrets", () => {
  const secret = new RootSecret(ROOT);
  const key = deriveSealKey(secret, { deployment, epoch: EPOCH });
  const leaked = /00, 1, 2|0, 1, 2, 3|000102|38279129|56, 39, 145|OCeRKQ/;

  test.each([
    ["RootSecret", secret],
    ["SealKey", key],
  ] as const)("a %s prints as its name, and is no JSON", (name, value) => {
    const printed = [
      String(value),
      inspect(value),
      inspect({ value }, { showHidden: true, depth: 9 }),
      inspect(value, { customInspect: false, showHidden: true, depth: 9 }),
      inspect(structuredClone(value)),
      Bun.inspect(value),
      Object.values(value).join(),
      JSON.stringify(Object.entries(value)),
    ];

    expect(printed[0]).toBe(name);
    expect(printed[1]).toBe(name);
    for (const text of printed) expect(text).not.toMatch(leaked);
    expectError(() => JSON.stringify({ value }), "ERR_INPUT_INVALID", { field: name });
  });

  test("a key ring prints no key", async () => {
    const ring = await openKeyRing(staticKeys([{ secret: ROOT, state: "active" }]), {
      deployment,
      epoch: EPOCH,
    });

    expect(inspect(ring, { showHidden: true, depth: 9 })).not.toMatch(leaked);
    expect(() => JSON.stringify(ring)).toThrow("ERR_INPUT_INVALID");
  });

  test("disposing wipes the very bytes", () => {
    const wiped = deriveSealKey(secret, { deployment, epoch: EPOCH });
    const bytes = lend(wiped, (lent) => lent);
    wiped[Symbol.dispose]();

    expect(toHex(bytes)).toBe("00".repeat(32));
    expectError(() => lend(wiped, toHex), "ERR_STATE", { state: "wiped" });
  });
});

describe("key ring", () => {
  test("finds every generation by kid, in any epoch's key id", async () => {
    const ring = await openKeyRing(provide([1, "verify-only"], [2, "active"], [3, "revoked"]), {
      epoch: EPOCH,
    });
    const kids = [1, 2, 3].map((seed) => keyId(new RootSecret(root(seed))));

    expect(ring.kids()).toEqual(kids);
    expect(ring.active.kid).toBe(kids[1] ?? "");
    expect(kids.map((kid) => ring.find(kid)?.state)).toEqual(["verify-only", "active", "revoked"]);
    expect(ring.find(`${kids[0]}.${"00".repeat(16)}`)?.key.keyid).toBe(`${kids[0]}.${ring.epoch}`);
    expect(ring.find("k0000000000000000")).toBeUndefined();
    expect(ring.find("__proto__")).toBeUndefined();
    expect(ring.find("")).toBeUndefined();
  });

  test("derives another epoch's key for diagnosis, of its own roots only", async () => {
    const ring = await openKeyRing(provide([1, "active"]), { deployment, epoch: EPOCH });
    const epoch = "dd".repeat(16);
    const expected = deriveSealKey(new RootSecret(root(1)), { deployment, epoch: fromHex(epoch) });
    const derived = ring.deriveForDiagnosis(ring.active.kid, epoch);

    expect(derived && lend(derived, toHex)).toBe(lend(expected, toHex));
    expect(ring.deriveForDiagnosis("k0000000000000000", epoch)).toBeUndefined();
  });

  test("keeps its own copy of everything", async () => {
    const secret = ROOT.slice();
    const epoch = EPOCH.slice();
    const opening = openKeyRing(
      { kind: "test", sealRoots: async () => [{ secret, state: "active" }] },
      { deployment, epoch },
    );
    epoch.fill(1);
    const ring = await opening;

    expect(toHex(secret)).toBe(toHex(ROOT));
    secret.fill(9);
    expect(lend(ring.active, toHex)).toBe(KEY_HEX);
  });

  test("disposing wipes every key", async () => {
    const ring = await openKeyRing(provide([1, "active"], [2, "revoked"]), { epoch: EPOCH });
    const keys = ring.kids().map((kid) => ring.find(kid)?.key);
    ring[Symbol.dispose]();

    for (const key of keys) expectError(() => key && lend(key, toHex), "ERR_STATE");
    expectError(() => ring.deriveForDiagnosis(ring.active.kid, ring.epoch), "ERR_STATE");
  });

  test.each<[string, readonly SealRoot[]]>([
    ["no root", []],
    ["no active root", [{ secret: root(1), state: "verify-only" }]],
    [
      "two active roots",
      [
        { secret: root(1), state: "active" },
        { secret: root(2), state: "active" },
      ],
    ],
    [
      "one root twice, revoked first",
      [
        { secret: root(1), state: "revoked" },
        { secret: root(1), state: "active" },
      ],
    ],
    [
      "one root twice",
      [
        { secret: root(1), state: "active" },
        { secret: root(1), state: "revoked" },
      ],
    ],
    [
      "seventeen roots",
      Array.from(
        { length: 17 },
        (_, seed) => ({ secret: root(seed), state: seed ? "revoked" : "active" }) as const,
      ),
    ],
    ["a short root", [{ secret: root(1).subarray(1), state: "active" }]],
    [
      "a degenerate root",
      [
        { secret: root(2), state: "active" },
        { secret: new Uint8Array(32), state: "revoked" },
      ],
    ],
    ["an unknown state", [{ secret: root(1), state: "retired" as KeyState }]],
  ])("refuses %s", async (_, roots) => {
    const provider = { kind: "test", sealRoots: () => Promise.resolve(roots) };

    await expect(openKeyRing(provider, { epoch: EPOCH })).rejects.toMatchObject({
      code: "ERR_CONFIG_INVALID",
    });
  });

  test("holds sixteen roots", async () => {
    const roots = Array.from({ length: 16 }, (_, seed) => [seed, seed ? "revoked" : "active"] as const);

    expect((await openKeyRing(provide(...roots), { epoch: EPOCH })).kids().length).toBe(16);
  });
});

describe("key providers", () => {
  test("random keys ask for 32 bytes once, and give a copy each time", async () => {
    const asked: number[] = [];
    const provider = randomKeys({
      bytes(length) {
        asked.push(length);
        return root(asked.length).slice(0, length);
      },
    });
    const [first] = await provider.sealRoots();
    first?.secret.fill(0);

    expect(await provider.sealRoots()).toEqual([{ secret: root(1), state: "active" }]);
    expect(asked).toEqual([32]);
    expect(provider.kind).toBe("random");
  });

  test("static keys are copied on the way in and out", async () => {
    const secret = root(1);
    const provider = staticKeys([{ secret, state: "active" }]);
    secret.fill(0);
    const [first] = await provider.sealRoots();
    first?.secret.fill(0);

    expect(await provider.sealRoots()).toEqual([{ secret: root(1), state: "active" }]);
  });

  test("a token's keys are its own, and never the token", async () => {
    const tokens = ["0123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcdeg"];
    const secrets = await Promise.all(
      tokens.map(async (token) => (await tokenKeys(token).sealRoots())[0]?.secret),
    );

    expect(secrets.map((secret) => secret?.length)).toEqual([32, 32]);
    expect(secrets[0]).not.toEqual(secrets[1]);
    expect(toHex(secrets[0] ?? ROOT)).toBe(
      "4c69614fb65e2aefa33f1aac029cad7086252be7f2092fd19791ddc7edce5a75",
    );
    expect(inspect(tokenKeys(tokens[0] ?? ""))).not.toContain("0123");
  });

  test("a token is counted in bytes", () => {
    expect(tokenKeys(`${"é".repeat(15)}ab`).kind).toBe("token");
  });

  test.each(["", "a".repeat(31), "a".repeat(40), `${"\ud800"}${"abc".repeat(20)}`])(
    "a token that is short, degenerate or no text is refused: case %#",
    (token) => {
      expectError(() => tokenKeys(token), "ERR_CONFIG_INVALID", { field: "workerApiToken" });
    },
  );
});

describe("key file", () => {
  const STAT: FileStat = {
    kind: "file",
    bytes: 65,
    identity: "1",
    changedNs: "0",
    mode: 0o600,
    ownerId: 7,
    links: 1,
  };

  /** A file system with one file, which hands out a byte at a time. */
  function disk(content: string, stat: Partial<FileStat> = {}): FileSystem & { log: unknown[] } {
    const bytes = new TextEncoder().encode(content);
    const log: unknown[] = [];
    const unused = () => Promise.reject(new Error("not used"));
    return {
      log,
      stat: () => Promise.resolve({ ...STAT, kind: stat.kind ?? "file" }),
      open(_path, options) {
        log.push(options);
        return Promise.resolve({
          fd: -1,
          read(into, position) {
            into.set(bytes.subarray(position, position + 1));
            return Promise.resolve(Math.min(1, Math.max(0, bytes.length - position)));
          },
          stat: () => Promise.resolve({ ...STAT, ...stat }),
          write: unused,
          dataSync: unused,
          truncate: unused,
          async [Symbol.asyncDispose]() {
            log.push("closed");
          },
        });
      },
      list: unused,
      makeDirectory: unused,
      rename: unused,
      remove: unused,
      syncDirectory: unused,
      realPath: unused,
    };
  }

  test.each([toHex(ROOT), `${toHex(ROOT)}\n`])(
    "gives the root it holds, opened without following links",
    async (content) => {
      const fileSystem = disk(content);
      const provider = fileKeys(fileSystem, "/keys/root", { ownerId: 7 });

      expect(await provider.sealRoots()).toEqual([{ secret: ROOT, state: "active" }]);
      expect(provider.kind).toBe("file");
      expect(fileSystem.log).toEqual([{ mode: "read", noFollow: true }, "closed"]);
    },
  );

  test.each<[string, string, Partial<FileStat>]>([
    ["readable by the group", toHex(ROOT), { mode: 0o640 }],
    ["readable by all", toHex(ROOT), { mode: 0o604 }],
    ["writable by the group", toHex(ROOT), { mode: 0o620 }],
    ["of another owner", toHex(ROOT), { ownerId: 8 }],
    ["no regular file", toHex(ROOT), { kind: "other" }],
    ["a directory", toHex(ROOT), { kind: "directory" }],
    ["empty", "", {}],
    ["too short", toHex(ROOT).slice(1), {}],
    ["too long", `${toHex(ROOT)}00`, {}],
    ["in uppercase", toHex(ROOT).toUpperCase(), {}],
    ["with two newlines", `${toHex(ROOT)}\n\n`, {}],
    ["with a carriage return", `${toHex(ROOT)}\r\n`, {}],
    ["with a leading space", ` ${toHex(ROOT)}`, {}],
  ])("%s is refused, without its path", async (_, content, stat) => {
    const failure = fileKeys(disk(content, stat), "/keys/root", { ownerId: 7 }).sealRoots();

    await expect(failure).rejects.toMatchObject({ code: "ERR_CONFIG_INVALID", detail: { field: "keyFile" } });
    await expect(failure).rejects.not.toThrow("/keys");
  });

  test("that was replaced by something else between the look and the opening is refused", async () => {
    const fileSystem = disk(toHex(ROOT), { kind: "other" });
    const replacedLater = { ...fileSystem, stat: () => Promise.resolve(STAT) };

    await expect(fileKeys(replacedLater, "/keys/root").sealRoots()).rejects.toMatchObject({
      code: "ERR_CONFIG_INVALID",
    });
    expect(fileSystem.log).toContain("closed");
  });

  test("that cannot be opened says why, without its path or its cause", async () => {
    const missing = Object.assign(new Error("ENOENT: no such file, open '/keys/root'"), { code: "ENOENT" });
    const fileSystem = { ...disk(""), stat: () => Promise.reject(missing) };
    const error = await fileKeys(fileSystem, "/keys/root")
      .sealRoots()
      .catch((caught: unknown) => caught);

    expect(error).toMatchObject({ code: "ERR_CONFIG_INVALID" });
    expect(inspect(error)).toContain("ENOENT");
    expect(inspect(error)).not.toContain("/keys/root");
  });
});
