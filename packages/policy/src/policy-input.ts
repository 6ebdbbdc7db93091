/**
 * The border: what a policy may be made of. Own data properties are read once; nothing is repeated in an error.
 *
 * @module
 */
import { hasCode, VramError } from "@vram-residency/types";
import { DRIVER_VERSION } from "./driver-version.ts";
import {
  type ComputeCapability,
  EFFECTS,
  type Effect,
  type Effects,
  type Policy,
  type PolicyOptions,
  type PolicyProfile,
} from "./model.ts";
import { RULES } from "./rules.ts";

const PROFILES: readonly PolicyProfile[] = ["strict", "default", "development"];

function refuse(field: string, reason: string): never {
  throw new VramError("ERR_CONFIG_INVALID", `${field}: ${reason}`, { field, reason });
}

/** Reads each own property of a plain object once. Getters, symbols, unknown names and instances of classes are refused. */
function snapshot(value: unknown, field: string, known: readonly string[]): Map<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    refuse(field, "expected an object");
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    refuse(field, "expected a plain object, not an instance of a class");
  }
  const copy = new Map<string, unknown>();
  for (const key of Reflect.ownKeys(value)) {
    const descriptor = Reflect.getOwnPropertyDescriptor(value, key);
    if (typeof key !== "string" || !known.includes(key)) {
      refuse(field, `has an unknown key: known are ${known.join(", ")}`);
    }
    if (descriptor === undefined || !("value" in descriptor)) {
      refuse(`${field}.${key}`, "expected a plain value, not a getter");
    }
    if (descriptor.value !== undefined) {
      copy.set(key, descriptor.value);
    }
  }
  return copy;
}

function profileOf(value: unknown, field: string): PolicyProfile {
  return (
    PROFILES.find((profile) => profile === value) ?? refuse(field, `expected one of ${PROFILES.join(", ")}`)
  );
}

function count(value: unknown, field: string, max: number): number {
  const inRange = typeof value === "number" && Number.isSafeInteger(value) && value >= 0 && value <= max;
  return inRange ? value : refuse(field, `expected an integer from 0 to ${max}`);
}

function flag(value: unknown, field: string): boolean {
  return typeof value === "boolean" ? value : refuse(field, "expected true or false");
}

function capability(value: unknown, field: string): ComputeCapability {
  const parts = snapshot(value, field, ["major", "minor"]);
  const part = (name: string): number => count(parts.get(name), `${field}.${name}`, 255);
  return Object.freeze({ major: part("major"), minor: part("minor") });
}

function driverFloor(value: unknown, field: string): string {
  return typeof value === "string" && DRIVER_VERSION.test(value)
    ? value
    : refuse(field, "expected up to four numbers joined by dots, such as 535.104.5");
}

function overridesOf(value: unknown, field: string, profile: PolicyProfile): Policy["overrides"] & object {
  const rules = snapshot(
    value,
    field,
    RULES.map(({ id }) => id),
  );
  const overrides: Record<string, Partial<Effects>> = {};
  for (const { id, effects } of RULES) {
    if (rules.has(id)) {
      overrides[id] = override(rules.get(id), `${field}.${id}`, effects[profile]);
    }
  }
  return Object.freeze(overrides);
}

function override(value: unknown, field: string, floor: Effects): Partial<Effects> {
  const findings = snapshot(value, field, ["violated", "unknown"]);
  const parsed: { violated?: Effect; unknown?: Effect } = {};
  for (const finding of ["violated", "unknown"] as const) {
    if (findings.has(finding)) {
      const effect = EFFECTS.find((known) => known === findings.get(finding));
      if (effect === undefined) {
        refuse(`${field}.${finding}`, `expected one of ${EFFECTS.join(", ")}`);
      }
      // INVARIANT: a policy is never laxer than its profile's name says.
      if (EFFECTS.indexOf(effect) < EFFECTS.indexOf(floor[finding])) {
        refuse(
          `${field}.${finding}`,
          "expected nothing laxer than the profile: to forgive more, choose a laxer profile",
        );
      }
      parsed[finding] = effect;
    }
  }
  return Object.freeze(parsed);
}

type Parsers = {
  readonly [Name in keyof PolicyOptions]-?: (
    value: unknown,
    field: string,
    profile: PolicyProfile,
  ) => NonNullable<PolicyOptions[Name]>;
};

const PARSERS: Parsers = {
  version: (value, field) => (value === 1 ? 1 : refuse(field, "expected 1")),
  profile: profileOf,
  minimumComputeCapability: capability,
  minimumVramBytes: (value, field) => count(value, field, Number.MAX_SAFE_INTEGER),
  driverFloor,
  readOnlyAfterSealing: flag,
  acceptReducedClaim: flag,
  overrides: overridesOf,
};

function readObject(choice: unknown): PolicyOptions {
  const values = snapshot(choice, "policy", Object.keys(PARSERS));
  // Overrides are judged by the profile, wherever it stands in the object.
  const profile = profileOf(values.get("profile") ?? "default", "policy.profile");
  const parsed = Object.entries(PARSERS)
    .filter(([name]) => values.has(name))
    .map(([name, parse]) => [name, parse(values.get(name), `policy.${name}`, profile)] as const);
  return Object.fromEntries(parsed);
}

/**
 * Reads a profile's name, or any part of a policy.
 *
 * @throws {@link VramError} `ERR_CONFIG_INVALID`.
 */
export function readSettings(choice: unknown): PolicyOptions {
  if (typeof choice === "string") {
    return { profile: profileOf(choice, "policy") };
  }
  try {
    return readObject(choice);
  } catch (error) {
    if (hasCode(error, "ERR_CONFIG_INVALID")) {
      throw error;
    }
    // A Proxy's trap threw it: its words are not ours to repeat.
    return refuse("policy", "cannot be read");
  }
}
