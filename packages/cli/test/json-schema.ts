/**
 * As much of JSON Schema 2020-12 as `docs/schemas` uses. A keyword it does not know is an error, so that none is ignored.
 *
 * @module
 */
interface Schema {
  readonly [keyword: string]: unknown;
}

const ANNOTATIONS = ["$schema", "$id", "$defs", "title", "description"];

/** Every way in which `value` breaks `schema`, as "path: fault". */
export function faultsOf(value: unknown, schema: Schema, root: Schema = schema, path = "$"): string[] {
  return Object.entries(schema).flatMap(([keyword, expected]) => {
    if (ANNOTATIONS.includes(keyword)) return [];
    const check = CHECKS[keyword];
    if (check === undefined) throw new Error(`the schema uses ${keyword}, which is not implemented`);
    return check({ value, expected, schema, root, path });
  });
}

interface Place {
  readonly value: unknown;
  readonly expected: unknown;
  readonly schema: Schema;
  readonly root: Schema;
  readonly path: string;
}

const CHECKS: Readonly<Record<string, (place: Place) => string[]>> = {
  type: ({ value, expected, path }) =>
    fault(
      [expected].flat().some((type) => isOf(value, type)),
      path,
      `is no ${String(expected)}`,
    ),
  const: ({ value, expected, path }) => fault(value === expected, path, `is not ${String(expected)}`),
  enum: ({ value, expected, path }) => fault(list(expected).includes(value), path, "is none of the values"),
  minimum: ({ value, expected, path }) =>
    fault(typeof value !== "number" || value >= Number(expected), path, "is too small"),
  minLength: ({ value, expected, path }) =>
    fault(typeof value !== "string" || value.length >= Number(expected), path, "is too short"),
  minItems: ({ value, expected, path }) =>
    fault(!Array.isArray(value) || value.length >= Number(expected), path, "has too few items"),
  pattern: ({ value, expected, path }) =>
    fault(typeof value !== "string" || new RegExp(String(expected)).test(value), path, "breaks the pattern"),
  items: ({ value, expected, root, path }) =>
    list(value).flatMap((item, index) => faultsOf(item, expected as Schema, root, `${path}[${index}]`)),
  required: ({ value, expected, path }) =>
    list(expected).flatMap((name) =>
      fault(Object.hasOwn(record(value), String(name)), path, `lacks ${String(name)}`),
    ),
  properties: ({ value, expected, root, path }) =>
    Object.entries(expected as Record<string, Schema>).flatMap(([name, schema]) =>
      Object.hasOwn(record(value), name)
        ? faultsOf(record(value)[name], schema, root, `${path}.${name}`)
        : [],
    ),
  additionalProperties: ({ value, expected, schema, path }) =>
    Object.keys(record(value)).flatMap((name) =>
      fault(
        expected === true || Object.hasOwn(record(schema["properties"]), name),
        path,
        `has ${name} as well`,
      ),
    ),
  oneOf: ({ value, expected, root, path }) => {
    const found = list(expected).map((schema) => faultsOf(value, schema as Schema, root, path));
    const fitting = found.filter((faults) => faults.length === 0).length;
    return fitting === 1 ? [] : [`${path}: fits ${fitting} alternatives`, ...found.flat()];
  },
  $ref: ({ value, expected, root, path }) => {
    const name = /^#\/\$defs\/(\w+)$/.exec(String(expected))?.[1] ?? "";
    return faultsOf(value, record(root["$defs"])[name] as Schema, root, path);
  },
};

function isOf(value: unknown, type: unknown): boolean {
  if (type === "integer") return Number.isInteger(value);
  if (type === "null") return value === null;
  if (type === "array") return Array.isArray(value);
  return type === "object"
    ? Object.keys(record(value)).length >= 0 && isRecord(value)
    : typeof value === type;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function record(value: unknown): Record<string, unknown> {
  return isRecord(value) ? value : {};
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function fault(holds: boolean, path: string, what: string): string[] {
  return holds ? [] : [`${path}: ${what}`];
}
