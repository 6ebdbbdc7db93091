import { afterAll, expect, test } from "bun:test";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as residency from "vram-residency";
import { MockAllocator, openVram, systemRandom, systemTimers } from "vram-residency";
import { auditKeys } from "./audit-keys.ts";
import { failure, recorder } from "./recorder.ts";

const BYTES: Uint8Array = Uint8Array.from({ length: 10_000 }, (_, index) => index % 251);
const scratch = await mkdtemp(join(tmpdir(), "vram-residency-weakness-"));
afterAll(() => rm(scratch, { recursive: true, force: true }));

test("W-04: a shard is frozen to the bottom, and nothing of the main entry makes keys of bytes or reaches into memory", async () => {
  await using vram = await openVram({ backend: "mock" });
  const shard = await vram.sealModel(BYTES);
  const parts: object[] = [
    shard,
    shard.residency,
    shard.seal,
    shard.seal.signatures,
    shard.seal.signatures[0],
  ];

  for (const part of parts) {
    expect(Object.isFrozen(part)).toBe(true);
    for (const name of Object.keys(part)) expect(Reflect.set(part, name, "x")).toBe(false);
  }
  expect((await vram.verifySealed(shard)).coverage).toBe(1);
  const names = Object.keys(residency);
  expect(names.filter((name) => /test|control|flip|SealKey$|forge/i.test(name))).toEqual(["deriveSealKey"]);
});

test("W-04: there is no default key: two managers that were given none do not know each other's", async () => {
  await using first = await openVram({ backend: "mock" });
  await using second = await openVram({ backend: "mock" });
  const [mine, theirs] = [await first.sealModel(BYTES), await second.sealModel(BYTES)];

  const kids = [mine, theirs].map(({ seal }) => seal.signatures[0].keyid.split(".")[0]);

  expect(new Set(kids).size).toBe(2);
  expect(await failure(second.verifySealed(mine))).toMatchObject({ detail: { reason: "unknown-key" } });
});

test("W-17: the mock is never taken unless it is named, whatever the environment says, and a seal names its backend", async () => {
  const environment = [
    "LLORCH_BDD_MODE",
    "MOCK_VRAM_MB",
    "VRAM_RESIDENCY_FORCE_MOCK",
    "VRAM_MODE",
    "VRAM_BACKEND",
  ];
  const before = environment.map((name) => [name, process.env[name]] as const);
  for (const name of environment) process.env[name] = "mock";
  try {
    for (const backend of ["auto", "cuda"] as const) {
      expect((await failure(openVram({ backend }))).code).toBe("ERR_DRIVER_UNAVAILABLE");
    }
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) Reflect.deleteProperty(process.env, name);
      else process.env[name] = value;
    }
  }
  const ports = { timers: systemTimers, random: systemRandom };
  for (const backend of ["auto", "cuda"] as const) {
    await using allocator = new MockAllocator(ports);
    const error = await failure(openVram({ backend, allocator, audit: "memory" }));
    expect(error).toMatchObject({ detail: { reasons: [{ rule: "backend-as-requested" }] } });
  }
  await using vram = await openVram({ backend: "mock" });
  const shard = await vram.sealModel(BYTES);
  const body = Buffer.from(shard.seal.payload, "base64").toString();
  expect([shard.backend, body.includes('"backend":"mock"')]).toEqual(["mock", true]);
});

test("W-21: start and stop of a log are in it, and between them the policy, the allocation, the seal and the end", async () => {
  const directory = join(scratch, "audit");
  {
    await using vram = await openVram({ backend: "mock", audit: { directory, keys: auditKeys } });
    await vram.sealModel(BYTES);
  }
  const [name = ""] = await Array.fromAsync(new Bun.Glob("*.jsonl").scan(directory));
  const lines = (await readFile(join(directory, name), "utf8")).trimEnd().split("\n");

  expect(lines.map((line) => (JSON.parse(line) as { type: string }).type)).toEqual([
    "LogOpened",
    "PolicyEvaluated",
    "VramAllocated",
    "VramSealed",
    "VramDeallocated",
    "LogClosed",
  ]);
});

test("W-28: the README's first example runs as it is printed", async () => {
  const readme = await readFile(join(import.meta.dir, "../../../README.md"), "utf8");
  const example = /```ts\n([\s\S]*?)```/.exec(readme)?.[1] ?? "";
  const script = join(import.meta.dir, "../out", "readme-example.ts");
  await Bun.write(script, `${example}\nconsole.log("ran to its end");\n`);
  await Bun.write(join(scratch, "model.safetensors"), BYTES);

  const child = Bun.spawn([process.execPath, "--conditions=vram-residency-source", script], {
    cwd: scratch,
    stdout: "pipe",
    stderr: "pipe",
  });
  const told = await new Response(child.stdout).text();
  const complaint = await new Response(child.stderr).text();
  await rm(join(import.meta.dir, "../out"), { recursive: true, force: true });

  expect(example).toContain("openVram(");
  expect([told.trim(), complaint, await child.exited]).toEqual(["ran to its end", "", 0]);
});

test("W-20: on real hardware a log is never left out silently", async () => {
  await using mock = new MockAllocator({ timers: systemTimers, random: systemRandom });
  const hardware = new Proxy(mock, {
    get(target, property) {
      if (property === "backend") return "cuda";
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });

  const error = await failure(openVram({ allocator: hardware }));

  expect(error).toMatchObject({ code: "ERR_CONFIG_INVALID", detail: { field: "audit" } });
  expect(recorder().events).toEqual([]);
});
