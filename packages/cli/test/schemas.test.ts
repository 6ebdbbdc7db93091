import { afterAll, describe, expect, test } from "bun:test";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { closedLog, LOG, writeLog } from "./audit-log.ts";
import { faultsOf } from "./json-schema.ts";
import { GGUF, safetensors, scratchDirectory, vramr } from "./scratch.ts";
import { signedModel } from "./signed-model.ts";
import { fakeTerminal } from "./terminal.ts";

const SCHEMAS = join(import.meta.dir, "../../../docs/schemas");
const scratch = await scratchDirectory();
afterAll(() => scratch.remove());

const model = join(scratch.path, "model.safetensors");
const tiny = join(scratch.path, "tiny.gguf");
await writeFile(tiny, GGUF);
const key = join(scratch.path, "seal.key");
await mkdir(join(scratch.path, "keys"));
const auditKey = join(scratch.path, "keys", "audit.key");
const log = join(scratch.path, "log");
const broken = join(scratch.path, "broken");
await writeLog(log, closedLog(8));
await writeLog(broken, closedLog(8));
await writeFile(join(broken, "00000000000000000000.jsonl"), "x\n");
const list = join(scratch.path, "model.manifest");
const signed = await signedModel(join(scratch.path, "signed"));
const header = { scalar: { dtype: "F32", shape: [], data_offsets: [0, 4] } };
await writeFile(model, safetensors(header, 4));
await writeFile(list, (await vramr(["manifest", "create", signed.model])).out);
const sum = `${Bun.SHA256.hash(await Bun.file(model).bytes(), "hex")}  ${model}\n`;

/** Every command, and every shape that its document takes. */
const DOCUMENTS: readonly (readonly [string, readonly string[], string?])[] = [
  ["digest", ["digest", model, "/nonexistent"]],
  [
    "digest",
    ["digest", "--check", "-"],
    `${sum}${sum.replace(model, "/nonexistent")}${sum.replace(/^./, "g")}`.replace(/^g/m, "0"),
  ],
  ["inspect", ["inspect", "model", model]],
  ["inspect", ["inspect", "model", tiny]],
  ["plan", ["plan", model]],
  ["plan", ["plan", model, "--capacity", "1B", "--capacity", "1GiB"]],
  ["doctor", ["doctor"]],
  ["key", ["key", "create", "--out", key]],
  ["key", ["key", "rotate", key]],
  ["key", ["key", "show", key]],
  ["key", ["key", "create", "--out", auditKey, "--audit"]],
  ["key", ["key", "export", auditKey, "--log", LOG, "--public-key", join(scratch.path, "log.pub")]],
  ["audit", ["audit", "verify", log]],
  ["audit", ["audit", "verify", broken]],
  ["manifest", ["manifest", "create", signed.model]],
  ["manifest", ["manifest", "verify", signed.model, "--manifest", list]],
  ["manifest", ["manifest", "verify", log, "--manifest", list]],
  [
    "provenance",
    ["provenance", "verify", signed.model, "--bundle", signed.bundle, "--public-key", signed.key],
  ],
  ["provenance", ["provenance", "verify", log, "--bundle", signed.bundle, "--public-key", signed.key]],
  ["demo", ["demo"]],
];

async function schemaOf(command: string): Promise<Record<string, unknown>> {
  return (await Bun.file(join(SCHEMAS, `${command}.schema.json`)).json()) as Record<string, unknown>;
}

describe("a --json document", () => {
  test.each(DOCUMENTS)("of %s is as its schema says: %p", async (command, args, input = "") => {
    const { out } = await vramr([...args, "--json"], fakeTerminal({ input }));
    const document = JSON.parse(out) as Record<string, unknown>;

    expect(faultsOf(document, await schemaOf(command))).toEqual([]);
    expect(document["apiVersion"]).toBe(`vram-residency.${command}/v1`);
  });

  test("that lacks a field, has one more, or one of another type is none", async () => {
    const { out } = await vramr(["inspect", "model", model, "--json"]);
    const schema = await schemaOf("inspect");
    const document = JSON.parse(out) as Record<string, unknown>;
    for (const name of Object.keys(document)) {
      const { [name]: _, ...less } = document;
      expect(faultsOf(less, schema)).not.toEqual([]);
      expect(faultsOf({ ...document, [name]: { other: "type" } }, schema)).not.toEqual([]);
    }
    expect(faultsOf({ ...document, more: 1 }, schema)).not.toEqual([]);
  });
});

test("every schema is of a command, with a name of its own", async () => {
  const names = (await readdir(SCHEMAS)).map((name) => name.replace(/\.schema\.json$/, ""));
  expect(names.sort()).toEqual([...new Set(DOCUMENTS.map(([command]) => command))].sort());
  for (const name of names) expect((await schemaOf(name))["$id"]).toBe(`urn:vram-residency:${name}:v1`);
});
