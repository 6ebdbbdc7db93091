import { type AuditEvent, type AuditEventType, type JsonValue, VramError } from "@vram-residency/types";
import { type AuditEventData, severityOf } from "./catalogue.ts";
import { isPrintable } from "./text.ts";

const DEPTH_MAX = 8;
/** Names the record's own last fields carry: inside `data` they could be taken for them. */
const RESERVED = new Set(["mac", "prev"]);

function refuse(field: string, reason: string): never {
  throw new VramError("ERR_INPUT_INVALID", `${field}: ${reason}; put text from outside through printable()`, {
    field,
    reason,
  });
}

function copy(value: unknown, field: string, depth: number): JsonValue {
  if (depth > DEPTH_MAX) refuse(field, "nested too deep");
  switch (typeof value) {
    case "string":
      return isPrintable(value)
        ? value
        : refuse(field, "holds control characters or is over 1024 characters");
    case "boolean":
      return value;
    case "number":
      return Number.isSafeInteger(value) ? value : refuse(field, "not a safe integer");
    case "object":
      break;
    default:
      refuse(field, "not plain data");
  }
  if (value === null) return null;
  if (Array.isArray(value)) return Object.freeze(value.map((item) => copy(item, field, depth + 1)));
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) refuse(field, "not a plain object");
  const entries: [string, JsonValue][] = [];
  for (const [name, item] of Object.entries(value as object)) {
    if (item === undefined) continue;
    if (RESERVED.has(name) || !/^[A-Za-z][A-Za-z0-9_.]*$/.test(name))
      refuse(field, "holds a reserved or odd name");
    entries.push([name, copy(item, `${field}.${name}`, depth + 1)]);
  }
  return Object.freeze(Object.fromEntries(entries));
}

/**
 * Builds an event, checked and frozen.
 *
 * @param data - Plain data: safe integers, printable text of at most 1024 characters, no key named `mac` or `prev`.
 * Fields that are undefined are left out.
 * @throws {@link VramError} `ERR_INPUT_INVALID` when `data` is not such.
 *
 * @example
 * ```ts
 * await sink.append(auditEvent("PolicyChanged", { from: oldDigest, to: newDigest }));
 * ```
 */
export function auditEvent<Type extends AuditEventType>(type: Type, data: AuditEventData[Type]): AuditEvent {
  const checked = copy(data, type, 0);
  return Object.freeze({ type, severity: severityOf(type, data), data: checked as AuditEvent["data"] });
}
