import { expect, test } from "bun:test";
import { STATUS, VR } from "../src/constants.ts";
import { LAYOUTS } from "../src/layouts.ts";
import { type FieldType, fieldBytes } from "../src/struct.ts";
import { ABI_VERSION, SYMBOLS } from "../src/symbols.ts";

const HEADER = await Bun.file(new URL("../../../native/include/vram_residency.h", import.meta.url)).text();

const FFI_TYPES = new Map([
  ["int32_t", "i32"],
  ["uint32_t", "u32"],
  ["uint64_t", "u64"],
]);

function ffiType(declaration: string): string {
  const type = declaration.replace(/\w+$/, "").trim();
  return type.endsWith("*") ? "buffer" : (FFI_TYPES.get(type) ?? `no type for ${type}`);
}

test("the table and the header declare the same functions", () => {
  const declared: Record<string, unknown> = {};
  for (const [, returns = "", name = "", list = ""] of HEADER.matchAll(
    /^VR_API (\w+) (vr_\w+)\(([^)]*)\);/gm,
  )) {
    const args = list === "void" ? [] : list.split(",").map(ffiType);
    declared[name] = { args, returns: FFI_TYPES.get(returns) };
  }

  expect<unknown>(SYMBOLS).toEqual(declared);
  expect(HEADER).toContain(`#define VR_ABI_VERSION ${ABI_VERSION}u`);
});

test("every constant has the value that the header gives it, and no status is missing", () => {
  const declared = new Map(
    [...HEADER.matchAll(/^#define VR_(\w+) \(?(-?\d+)u?\)?/gm)].map(([, name = "", value]) => [
      name,
      Number(value),
    ]),
  );

  const used = { ...STATUS, ...VR };
  for (const [name, value] of Object.entries(used)) {
    expect(`${name} ${value}`).toBe(`${name} ${declared.get(name)}`);
  }
  const statuses = [...declared].filter(
    ([name, value]) =>
      /^(OK|E[A-Z_]+)$/.test(name) && value <= 0 && !name.startsWith("EVENT") && !name.startsWith("ENGINE"),
  );
  expect<unknown>(Object.entries(STATUS)).toEqual(statuses);
});

const C_TYPES = new Map<string, readonly FieldType[]>([
  ["int32_t", ["i32"]],
  ["uint32_t", ["u32"]],
  ["int64_t", ["i64"]],
  ["uint64_t", ["u64", "size"]],
]);

test("every struct has the header's fields, in order, in types of the same width", () => {
  const structs = [...HEADER.matchAll(/^typedef struct (vr_\w+) \{([\s\S]*?)^\} \1;/gm)];

  expect(structs.map(([, name]) => name ?? "")).toEqual(Object.keys(LAYOUTS));
  for (const [, name = "", body = ""] of structs) {
    const fields = Object.entries(LAYOUTS[name] ?? {});
    const declared = [...body.matchAll(/^ {2}(\w+) (\w+)(?:\[(\d+)\])?;/gm)];
    expect(fields.map(([field]) => field)).toEqual(declared.map(([, , field = ""]) => field));
    for (const [index, [, type = "", field, length]] of declared.entries()) {
      const found = fields[index]?.[1] ?? "i32";
      const wanted =
        length === undefined
          ? (C_TYPES.get(type) ?? [])
          : ([`text${length}`, `bytes${length}`] as FieldType[]);
      expect(`${name}.${field} as one of ${wanted.join(", ")}: ${wanted.includes(found)}`).toEndWith("true");
    }
  }
});

test("no struct has a gap: every field lies on a multiple of its own alignment", () => {
  for (const [name, fields] of Object.entries(LAYOUTS)) {
    let at = 0;
    for (const [field, type] of Object.entries(fields)) {
      const alignment = /^(text|bytes)/.test(type) ? 1 : fieldBytes(type);
      expect(`${name}.${field} ${at % alignment}`).toBe(`${name}.${field} 0`);
      at += fieldBytes(type);
    }
    expect(`${name} ${at % 4}`).toBe(`${name} 0`);
  }
});
