import { reading } from "@vram-residency/crypto";
import {
  AUDIT_EVENT_TYPES,
  type AuditEvent,
  type AuditEventType,
  type JsonObject,
  type JsonValue,
  VramError,
} from "@vram-residency/types";
import { type AuditEventData, severityOf } from "./catalogue.ts";
import { giveawayIn, isGiveaway } from "./sensitive.ts";
import { isPrintable } from "./text.ts";

const DEPTH_MAX = 8;
/** Names the record's own last fields carry: inside `data` they could be taken for them. */
const RESERVED = new Set(["mac", "prev"]);

/** What {@link auditEvent} built: frozen, so it is still what was checked. */
const built = new WeakSet<AuditEvent>();

function refuse(
  field: string,
  reason: string,
  remedy: string = "put text from outside through printable()",
): never {
  throw new VramError("ERR_INPUT_INVALID", `${field}: ${reason}; ${remedy}`, { field, reason });
}

function copyText(value: string, field: string): string {
  if (!isPrintable(value)) refuse(field, "holds control characters or is over 1024 characters");
  const giveaway = giveawayIn(value, field.slice(field.lastIndexOf(".") + 1));
  return giveaway === undefined ? value : refuse(field, giveaway, "leave it out");
}

function copy(value: unknown, field: string, depth: number): JsonValue {
  if (depth > DEPTH_MAX) refuse(field, "nested too deep");
  switch (typeof value) {
    case "string":
      return copyText(value, field);
    case "boolean":
      return value;
    case "number":
      // JSON has no -0 that every reader keeps.
      return Number.isSafeInteger(value) ? value + 0 : refuse(field, "not a safe integer");
    case "object":
      break;
    default:
      refuse(field, "not plain data");
  }
  if (value === null) return null;
  // Not `map`, which the array may have of its own, and which skips holes.
  if (Array.isArray(value)) return Object.freeze(Array.from(value, (item) => copy(item, field, depth + 1)));
  return copyObject(value, field, depth);
}

function copyObject(value: unknown, field: string, depth: number): JsonObject {
  if (typeof value !== "object" || value === null) refuse(field, "not a plain object");
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) refuse(field, "not a plain object");
  const entries: [string, JsonValue][] = [];
  for (const [name, item] of Object.entries(value)) {
    if (item === undefined) continue;
    if (RESERVED.has(name) || !/^[A-Za-z][A-Za-z0-9_.]*$/.test(name))
      refuse(field, "holds a reserved or odd name");
    if (isGiveaway(name))
      refuse(field, "holds a name that stands for a secret or an address", "leave it out");
    entries.push([name, copy(item, `${field}.${name}`, depth + 1)]);
  }
  return Object.freeze(Object.fromEntries(entries));
}

/**
 * Builds an event, checked and frozen.
 *
 * @param data - Plain data: safe integers, printable text of at most 1024 characters, at most 8 levels below it, no key
 * named `mac` or `prev`, nothing that looks like an address or a secret. Copied once; fields that are undefined are left out.
 * @throws {@link VramError} `ERR_INPUT_INVALID` when `data` is not such, or `type` is none of the catalogue.
 *
 * @example
 * ```ts
 * await sink.append(auditEvent("PolicyChanged", { from: oldDigest, to: newDigest }));
 * ```
 */
export function auditEvent<Type extends AuditEventType>(type: Type, data: AuditEventData[Type]): AuditEvent {
  if (!AUDIT_EVENT_TYPES.includes(type)) refuse("type", "not an event of the catalogue");
  const checked = reading("data", () => copyObject(data, type, 0));
  // Judged by the copy: a getter could answer differently the second time.
  const severity = severityOf(type, checked as unknown as AuditEventData[Type]);
  const event = Object.freeze({ type, severity, data: checked });
  built.add(event);
  return event;
}

/**
 * Checks an event that somebody hands to a sink; one that {@link auditEvent} built is taken as it is.
 *
 * @throws {@link VramError} `ERR_INPUT_INVALID`, before anything of it reaches the log: one odd value must not end a log.
 */
export function checkedEvent(event: AuditEvent): AuditEvent {
  if (built.has(event)) return event;
  return reading("event", () =>
    auditEvent(event.type, event.data as unknown as AuditEventData[AuditEventType]),
  );
}
