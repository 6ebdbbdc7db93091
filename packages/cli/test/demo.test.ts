import { afterAll, describe, expect, test } from "bun:test";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../src/program.ts";
import { type FakeTerminal, fakeTerminal } from "./terminal.ts";

const scratch = await mkdtemp(join(tmpdir(), "vramr-test-"));
// A temporary directory of our own: another demo on this machine must not look like something left behind.
const { TMPDIR } = process.env;
const temporary = await mkdtemp(join(scratch, "tmp-"));
process.env["TMPDIR"] = temporary;
afterAll(async () => {
  if (TMPDIR === undefined) delete process.env["TMPDIR"];
  else process.env["TMPDIR"] = TMPDIR;
  await rm(scratch, { recursive: true, force: true });
});

const main = join(import.meta.dir, "..", "src", "main.ts");
const command = [process.execPath, "--conditions=vram-residency-source", main];

/** Demo directories: none may be left behind. */
async function leftovers(): Promise<string[]> {
  return (await readdir(temporary)).filter((name) => name.startsWith("vramr-demo-"));
}

async function demo(
  args: readonly string[],
  terminal: FakeTerminal = fakeTerminal(),
): Promise<{ code: number; terminal: FakeTerminal }> {
  return { code: await run(["demo", ...args], terminal), terminal };
}

interface Act {
  readonly act: string;
  readonly ok: boolean;
  readonly [fact: string]: unknown;
}

function actsOf(terminal: FakeTerminal): Act[] {
  return (JSON.parse(terminal.stdout()) as { acts: Act[] }).acts;
}

describe("vramr demo", () => {
  test("tells the whole story, says that it is the mock, and leaves nothing", async () => {
    const before = await leftovers();

    const { code, terminal } = await demo([]);

    const said = terminal.stdout();
    expect(code).toBe(0);
    expect(terminal.stderr()).toBe("");
    expect(said).toContain("mock: no CUDA device answered");
    expect(said).toContain(
      "4 KiB block 448 (bytes 1835008 to 1839103), tensor model.layers.1.self_attn.o_proj.weight",
    );
    expect(said).toContain("the old seal is refused: stale-generation");
    expect(said).toContain("every byte of device memory is zero");
    expect(said).toContain("every act went as it should");
    expect(await leftovers()).toEqual(before);
  });

  test("gives one JSON document instead", async () => {
    const { code, terminal } = await demo(["--json"]);

    const document = JSON.parse(terminal.stdout()) as { apiVersion: string; kind: string; ok: boolean };
    expect(code).toBe(0);
    expect(document).toMatchObject({ apiVersion: "vram-residency.demo/v1", kind: "Demo", ok: true });
    const acts = actsOf(terminal);
    expect(acts.filter(({ ok }) => !ok).map(({ act }) => act)).toEqual(["verify-corrupted"]);
    expect(acts.find(({ act }) => act === "begin")).toMatchObject({ backend: "mock", files: 3 });
    expect(acts.find(({ act }) => act === "wiped")).toMatchObject({ ok: true, usedBytes: 0 });
  });

  test("finds the bit it was told to flip: by number, by id, in the header, in the last byte", async () => {
    const last = 6_292_223;
    for (const [flip, offset] of [
      ["0:0:0", 0],
      ["model-00002-of-00003:4096:7", 4096],
      [`2:${last}:5`, last - (last % 4096)],
    ] as const) {
      const { code, terminal } = await demo(["--json", "--flip", flip]);

      const caught = actsOf(terminal).find(({ act }) => act === "verify-corrupted");
      expect(code).toBe(0);
      expect(caught).toMatchObject({ code: "ERR_INTEGRITY", more: 0, mismatches: [{ offset }] });
    }
  });

  test("keeps model and log in --state, the log with its mode, and seals what is there", async () => {
    const directory = join(scratch, "state");

    const { code } = await demo(["--state", directory]);
    const path = join(directory, "audit", "00000000000000000000.jsonl");
    const lines = (await readFile(path, "utf8")).trimEnd().split("\n");
    const again = await demo(["--json", "--model", join(directory, "model")]);

    expect(code).toBe(0);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(lines.map((line) => (JSON.parse(line) as { seq: number }).seq)).toEqual(
      lines.map((_, index) => index),
    );
    expect(lines.at(-1)).toContain('"type":"LogClosed"');
    expect(again.code).toBe(0);
    expect(actsOf(again.terminal)[0]).toMatchObject({ tensors: 20, model: join(directory, "model") });
  });

  test("leaves a log that the command it prints finds sound, and tampered with once one byte of it is another", async () => {
    const directory = join(scratch, "kept state");
    const { code, terminal } = await demo(["--state", directory]);
    const [, printed = ""] = /^ {10}(vramr audit verify .*)$/m.exec(terminal.stdout()) ?? [];
    const bin = join(scratch, "vramr");
    await writeFile(bin, `#!/bin/sh\nexec ${command.map((word) => `'${word}'`).join(" ")} "$@"\n`, {
      mode: 0o755,
    });
    const env = { ...process.env, PATH: `${scratch}:${process.env["PATH"]}` };
    const verify = (): readonly [number, string] => {
      const { exitCode, stdout } = Bun.spawnSync(["sh", "-c", printed], { env });
      return [exitCode, stdout.toString()];
    };

    expect(code).toBe(0);
    expect(terminal.stdout()).toContain("its root, and the public key that verifies it, lie apart from it");
    expect(verify()).toEqual([0, expect.stringContaining("pinned: ")]);
    expect((await readdir(join(directory, "keys"))).sort()).toEqual(["audit.key", "log.pub"]);
    expect((await stat(join(directory, "keys", "audit.key"))).mode & 0o777).toBe(0o600);

    const path = join(directory, "audit", "00000000000000000000.jsonl");
    const whole = await readFile(path);
    for (const part of [0, 0.3, 0.7, 0.99]) {
      const bytes = Buffer.from(whole);
      const at = Math.floor(bytes.length * part);
      bytes.set([(bytes[at] ?? 0) ^ 1], at);
      await writeFile(path, bytes);
      expect([part, verify()]).toEqual([part, [1, expect.stringMatching(/^TAMPERED: /)]]);
    }
    // A demo does not go on with a log that somebody changed.
    const again = await demo(["--state", directory]);
    expect(again.code).toBe(3);
    expect(again.terminal.stderr()).toContain("ERR_AUDIT_UNAVAILABLE");
    await writeFile(path, whole);
    expect((await demo(["--state", directory])).code).toBe(0);
    expect(verify()[0]).toBe(0);
  }, 60_000);

  test("fits any width it is given, and paints only where there is colour", async () => {
    for (const columns of [40, 80, 120]) {
      const { terminal } = await demo([], fakeTerminal({ columns }));
      const long = terminal
        .stdout()
        .split("\n")
        .filter((line) => line.length > columns && !/^( {3}(ok|!!)|vramr demo|\d\.)/.test(line));
      expect(long).toEqual([]);
      expect(terminal.stdout()).not.toContain("\u001b");
    }
    const { terminal } = await demo([], fakeTerminal({ color: true }));
    expect(terminal.stdout()).toContain("\u001b[31;1m");
  });

  test("answers wrong arguments with usage and one line, and nothing on standard output", async () => {
    for (const args of [
      ["--flip", "x"],
      ["--flip", "9:1:1"],
      ["--flip", "0:1:8"],
      ["--flip", "0:99999999:1"],
      ["--backend", "gpu"],
      ["--nonsense"],
      ["extra"],
    ]) {
      const { code, terminal } = await demo(args);
      expect([args, code, terminal.stdout()]).toEqual([args, 2, ""]);
      expect(terminal.stderr()).not.toContain("    at ");
    }
  });

  test("says what to do when CUDA was asked for, and never takes the mock instead", async () => {
    const { code, terminal } = await demo(["--backend", "cuda"]);

    expect(code).toBe(3);
    expect(terminal.stdout()).toBe("");
    expect(terminal.stderr()).toContain("ERR_DRIVER_UNAVAILABLE");
    expect(terminal.stderr()).toContain("mock");
  });

  test("tells a missing model from one that is none", async () => {
    const missing = await demo(["--model", join(scratch, "nothing")]);
    const wrong = await demo(["--model", import.meta.path]);

    expect([missing.code, wrong.code]).toEqual([3, 2]);
    expect(missing.terminal.stderr()).toContain("ERR_SOURCE");
    expect(wrong.terminal.stderr()).toContain("ERR_FORMAT_INVALID");
  });

  test("stops when it is interrupted, wiped and without leftovers", async () => {
    const before = await leftovers();
    const interrupt = new AbortController();
    interrupt.abort();

    const { code, terminal } = await demo([], fakeTerminal({ signal: interrupt.signal }));

    expect(code).toBe(130);
    expect(terminal.stderr()).toContain("ERR_CANCELLED");
    expect(await leftovers()).toEqual(before);
  });
});

describe("the program itself", () => {
  test("prints its version and its help, and exits with 0", async () => {
    for (const args of [["--version"], ["--help"], ["demo", "--help"]]) {
      const child = Bun.spawn([...command, ...args], { stdout: "pipe", stderr: "pipe" });
      expect([await child.exited, await textOf(child.stderr)]).toEqual([0, ""]);
      expect((await textOf(child.stdout)).length).toBeGreaterThan(5);
    }
  });

  test("loses nothing in a pipe, and bears a reader that goes away", async () => {
    const child = Bun.spawn(["sh", "-c", `"$0" "$@" | head -n 1`, ...command, "demo", "--json"], {
      stdout: "pipe",
      stderr: "pipe",
    });
    expect(await textOf(child.stdout)).toBe("{\n");
    expect(await textOf(child.stderr)).toBe("");
    await child.exited;

    const whole = Bun.spawn([...command, "demo", "--json"], { stdout: "pipe", stderr: "pipe" });
    expect((JSON.parse(await textOf(whole.stdout)) as { ok: boolean }).ok).toBe(true);
    expect(await whole.exited).toBe(0);
  });

  test("ends on one interrupt or two, with 130 and no leftovers", async () => {
    const before = await leftovers();
    const model = join(scratch, "large");
    await writeLargeModel(model);
    for (const signals of [1, 2]) {
      const child = Bun.spawn([...command, "demo", "--model", model, "--json"], {
        stdout: "pipe",
        stderr: "pipe",
      });
      await Bun.sleep(700);
      for (let sent = 0; sent < signals; sent++) child.kill("SIGINT");
      expect(await child.exited).toBe(130);
      expect(await textOf(child.stderr)).toContain("ERR_CANCELLED");
    }
    expect(await leftovers()).toEqual(before);
  }, 30_000);
});

function textOf(stream: ReadableStream<Uint8Array>): Promise<string> {
  return new Response(stream).text();
}

/** A model that takes seconds: 2 GiB of zeros, which cost no disk. */
async function writeLargeModel(path: string): Promise<void> {
  const bytes = 2 ** 31;
  const json = JSON.stringify({ w: { dtype: "U8", shape: [bytes], data_offsets: [0, bytes] } });
  const header = new TextEncoder().encode(json.padEnd(Math.ceil(json.length / 8) * 8));
  const prefix = new Uint8Array(8 + header.length);
  new DataView(prefix.buffer).setBigUint64(0, BigInt(header.length), true);
  prefix.set(header, 8);
  const name = `${path}.safetensors`;
  await Bun.write(name, prefix);
  const { truncate, rename, mkdir } = await import("node:fs/promises");
  await truncate(name, prefix.length + bytes);
  await mkdir(path);
  await rename(name, join(path, "large.safetensors"));
}
