/** A log in a directory: tamper-evident, and its root elsewhere. */
import { afterAll, describe, expect, test } from "bun:test";
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import {
  auditEvent,
  auditKeyPath,
  type CheckpointAnchor,
  formatKeyFile,
  nodeEd25519,
  nodeFileSystem,
  openAuditLog,
  openLogSource,
  openVram,
  readKeyFile,
  type VramError,
  verifyLog,
} from "vram-residency";
import { auditKeys } from "./audit-keys.ts";

const scratch = await mkdtemp(join(tmpdir(), "vram-residency-test-"));
const { XDG_STATE_HOME } = process.env;
process.env["XDG_STATE_HOME"] = join(scratch, "state");
afterAll(async () => {
  if (XDG_STATE_HOME === undefined) delete process.env["XDG_STATE_HOME"];
  else process.env["XDG_STATE_HOME"] = XDG_STATE_HOME;
  await rm(scratch, { recursive: true, force: true });
});
let made = 0;

function newDirectory(): string {
  return join(scratch, "logs", `log-${made++}`);
}

async function failure(promise: Promise<unknown>): Promise<VramError> {
  try {
    await promise;
  } catch (error) {
    return error as VramError;
  }
  throw new Error("expected a rejection");
}

async function verdictOf(directory: string): Promise<string> {
  await using source = await openLogSource(nodeFileSystem, directory);
  return (await verifyLog(source, { ed25519: nodeEd25519, now: Date.now() })).verdict;
}

async function keyFile(name: string, purpose: "audit" | "seal" = "audit"): Promise<string> {
  const path = join(scratch, "keys", name);
  await mkdir(join(scratch, "keys"), { recursive: true });
  const secret = crypto.getRandomValues(new Uint8Array(32));
  await writeFile(path, formatKeyFile({ purpose, roots: [{ secret, state: "active" }] }), { mode: 0o600 });
  return path;
}

describe("a log in a directory", () => {
  test("verifies, goes on where it ended, and one changed byte of it is seen", async () => {
    const directory = newDirectory();
    for (const shardId of ["a", "b"]) {
      await using vram = await openVram({ backend: "mock", audit: { directory, keys: auditKeys } });
      await vram.verifySealed(await vram.sealModel(new Uint8Array(100), { shardId }));
    }
    expect(await verdictOf(directory)).toBe("sound");
    const path = join(directory, "00000000000000000000.jsonl");
    const bytes = await readFile(path);
    expect(bytes.toString().match(/"type":"LogOpened"/g)).toHaveLength(2);

    const at = bytes.length >> 1;
    bytes.set([(bytes[at] ?? 0) ^ 1], at);
    await writeFile(path, bytes);
    expect(await verdictOf(directory)).toBe("tampered");
    const error = await failure(openVram({ backend: "mock", audit: { directory, keys: auditKeys } }));
    expect(error.code).toBe("ERR_AUDIT_UNAVAILABLE");
  });

  test("has one writer, and is free again when that one has closed", async () => {
    const directory = newDirectory();
    {
      await using log = await openAuditLog({ directory, keys: auditKeys });
      expect((await failure(openAuditLog({ directory, keys: auditKeys }))).code).toBe("ERR_STATE");
      expect((await log.append(auditEvent("PolicyChanged", { from: "a", to: "b" }))).seq).toBe(1);
    }
    await using again = await openAuditLog({ directory, keys: auditKeys });
    expect(again.opened.found).toBe("clean");
  });

  test("is not gone on with under another root", async () => {
    const directory = newDirectory();
    await (await openAuditLog({ directory, keys: await keyFile("one") }))[Symbol.asyncDispose]();
    const before = await readdir(directory);
    const error = await failure(openAuditLog({ directory, keys: await keyFile("two") }));
    expect(error.code).toBe("ERR_CONFIG_INVALID");
    expect(await readdir(directory)).toEqual(before);
  });

  test("is named by a path, and refuses what is none", async () => {
    for (const wrong of [
      undefined,
      {},
      { directory: "" },
      { directory: 7 },
      { directory: "a", nonsense: 1 },
    ]) {
      expect((await failure(openAuditLog(wrong as never))).code).toBe("ERR_CONFIG_INVALID");
    }
  });
});

describe("an anchor", () => {
  async function use(directory: string, anchor: string): Promise<void> {
    await using log = await openAuditLog({ directory, keys: auditKeys, anchor });
    await log.append(auditEvent("PolicyChanged", { from: "a", to: "b" }));
  }

  test("refuses a directory that was put back to an earlier state, that is empty, or that is another log", async () => {
    const [directory, older, other] = [newDirectory(), newDirectory(), newDirectory()];
    await mkdir(join(scratch, "anchors"));
    const anchor = join(scratch, "anchors", "one.checkpoint");
    await use(directory, anchor);
    await cp(directory, older, { recursive: true });
    await use(directory, anchor);
    await (await openAuditLog({ directory: other, keys: auditKeys }))[Symbol.asyncDispose]();

    expect(await readFile(anchor)).toEqual(await readFile(join(directory, "checkpoint")));
    expect(await readdir(join(scratch, "anchors"))).toEqual(["one.checkpoint"]);
    for (const wrong of [older, other, newDirectory()]) {
      expect((await failure(use(wrong, anchor))).code).toBe("ERR_AUDIT_UNAVAILABLE");
    }
    await use(directory, anchor);
    await writeFile(anchor, "no checkpoint");
    expect((await failure(use(directory, anchor))).code).toBe("ERR_AUDIT_UNAVAILABLE");
  });

  test("is refused with the log, and one of the caller's own is asked", async () => {
    const directory = newDirectory();
    const error = await failure(use(directory, join(directory, "anchor")));
    expect(error.detail).toMatchObject({ field: "audit.anchor" });

    const kept: Uint8Array[] = [];
    const anchor: CheckpointAnchor = {
      read: () => Promise.resolve(kept.at(-1)),
      write: (_log, checkpoint) => Promise.resolve(void kept.push(checkpoint.slice())),
    };
    await (await openAuditLog({ directory, keys: auditKeys, anchor }))[Symbol.asyncDispose]();
    expect(Buffer.from(kept.at(-1) ?? [])).toEqual(await readFile(join(directory, "checkpoint")));
  });
});

describe("the root of a log", () => {
  test("is this user's own unless one is named: made once, for its owner alone, outside of the log", async () => {
    const path = auditKeyPath();
    expect(path).toBe(join(scratch, "state", "vram-residency", "keys", "audit.key"));
    const logs = await Promise.all(
      Array.from({ length: 4 }, () => openAuditLog({ directory: newDirectory() })),
    );
    const text = await readFile(path, "utf8");
    for (const log of logs) await log[Symbol.asyncDispose]();

    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await stat(join(path, ".."))).mode & 0o777).toBe(0o700);
    expect(await readdir(join(path, ".."))).toEqual(["audit.key"]);
    expect((await readKeyFile(nodeFileSystem, path)).purpose).toBe("audit");
    // One root for all four, whoever of them made it.
    const keys = new Set(logs.map(({ publicKey }) => publicKey.split("+")[2]));
    expect(keys.size).toBe(1);
    await (await openAuditLog({ directory: newDirectory() }))[Symbol.asyncDispose]();
    expect(await readFile(path, "utf8")).toBe(text);
  });

  test("is looked for where the state of a user belongs", () => {
    const usual = join(homedir(), ".local", "state", "vram-residency", "keys", "audit.key");
    expect(auditKeyPath({})).toBe(usual);
    expect(auditKeyPath({ XDG_STATE_HOME: "" })).toBe(usual);
    expect(auditKeyPath({ XDG_STATE_HOME: "relative" })).toBe(usual);
    expect(auditKeyPath({ XDG_STATE_HOME: "/s" })).toBe("/s/vram-residency/keys/audit.key");
  });

  test("is never made when its file was named, and never that of seals, or one that others may read", async () => {
    const missing = join(scratch, "keys", "missing");
    const shared = await keyFile("shared");
    await chmod(shared, 0o640);
    for (const keys of [missing, await keyFile("seal", "seal"), shared]) {
      const directory = newDirectory();
      expect((await failure(openAuditLog({ directory, keys }))).code).toBe("ERR_CONFIG_INVALID");
      expect(await stat(directory).catch(() => "none")).toBe("none");
    }
    expect(await stat(missing).catch(() => "none")).toBe("none");
  });

  test("is refused with the log: in its directory, below it, beside it, and by another name of it", async () => {
    const directory = newDirectory();
    const key = await keyFile("moved");
    await mkdir(join(directory, "deep"), { recursive: true });
    await symlink(directory, join(scratch, "alias"));
    const places = [join(directory, "k"), join(directory, "deep", "k"), join(directory, "..", "k")];
    for (const place of [...places, join(scratch, "alias", "k")]) {
      await writeFile(place, await readFile(key), { mode: 0o600 });
      const error = await failure(openAuditLog({ directory, keys: place }));
      expect(error.detail).toMatchObject({ field: "audit.keys" });
      expect(error.message).toContain("keep it where");
      await rm(place);
    }
  });

  test("that a provider gives is wiped once it was used, and refused when it is none", async () => {
    const bytes = Uint8Array.from({ length: 32 }, (_, index) => index + 1);
    const keys = { kind: "kms", auditRoot: () => Promise.resolve(bytes) };
    await (await openAuditLog({ directory: newDirectory(), keys }))[Symbol.asyncDispose]();
    expect([...bytes]).toEqual(Array.from({ length: 32 }, () => 0));
    // What is left is degenerate.
    expect((await failure(openAuditLog({ directory: newDirectory(), keys }))).code).toBe(
      "ERR_CONFIG_INVALID",
    );
    const none = { kind: "kms", auditRoot: () => Promise.resolve("secret" as never) };
    expect((await failure(openAuditLog({ directory: newDirectory(), keys: none }))).code).toBe(
      "ERR_CONFIG_INVALID",
    );
  });

  test("cannot be made where no file can be, and that is said", async () => {
    process.env["XDG_STATE_HOME"] = "/proc/none";
    try {
      const error = await failure(openAuditLog({ directory: newDirectory() }));
      expect(error.detail).toMatchObject({ field: "audit.keys" });
      expect(error.message).toContain("XDG_STATE_HOME");
    } finally {
      process.env["XDG_STATE_HOME"] = join(scratch, "state");
    }
  });
});
