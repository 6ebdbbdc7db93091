import type { Allocator, AuditSink, Clock, KeyProvider, VramConfig } from "@vram-residency/types";
import * as v from "valibot";
import { configSchema } from "./config.ts";
import { hasOwn, integer, oneOf, path, port, positive } from "./primitives.ts";
import { refuse } from "./refusal.ts";
import { type Check, checked, record, refined, run, type Schema } from "./schema.ts";
import { isObject } from "./snapshot.ts";

/** Most devices of a mock. */
export const MOCK_DEVICES_MAX = 16;

/** Shape of the mock, checked. What is left out is the mock's to choose. */
export interface ParsedMockOptions {
  /** Range: 1 to 16. */
  readonly devices?: number;
  /** Of each device. Unit: bytes. Range: 1 to 2^53 - 1. */
  readonly capacityBytes?: number;
}

/** Where an audit root comes from: a KMS, a credential. Never where the seal root does. */
export interface AuditKeyProvider {
  /** What kind of source this is. Never a path or a key. */
  readonly kind: string;
  /** @returns A copy that its caller wipes. Shape: 32 bytes or more, not all equal. */
  auditRoot(): Promise<Uint8Array>;
}

/** A place that remembers a log's newest checkpoint; `CheckpointAnchor` of `@vram-residency/audit/file`. */
export interface AuditAnchor {
  read(log: string | undefined): Promise<Uint8Array | undefined>;
  write(log: string, checkpoint: Uint8Array): Promise<void>;
}

/** A log in a directory, tamper-evident. */
export interface AuditDirectory {
  /** Made when missing, for its owner alone. One writer at a time. */
  readonly directory: string;
  /** The path of a key file, which must be there, or a provider. Default: a root of this user's, made on first use. */
  readonly keys?: string | AuditKeyProvider;
  /**
   * The path of a file elsewhere, one for each log, that holds its newest checkpoint, or a place of your own: a directory that was put back
   * to an earlier state is refused by it. Default: nothing notices that.
   */
  readonly anchor?: string | AuditAnchor;
}

/** Where the audit log goes. */
export type AuditChoice = "memory" | AuditSink | AuditDirectory;

/** Options of `openVram`, checked. */
export interface ParsedOpenOptions {
  readonly backend: "auto" | "cuda" | "mock";
  readonly mock?: ParsedMockOptions;
  /** The caller's own, instead of a backend's. */
  readonly allocator?: Allocator;
  /** Complete: defaults are filled in. */
  readonly config: VramConfig;
  readonly keys?: KeyProvider;
  /** A profile's name, or an object that `createPolicy` still has to parse. */
  readonly policy?: "strict" | "default" | "development" | object;
  readonly clock?: Clock;
  readonly audit?: AuditChoice;
}

const mockSchema: Schema<ParsedMockOptions> = record({
  devices: v.exactOptional(checked(integer(1, MOCK_DEVICES_MAX))),
  capacityBytes: v.exactOptional(checked(positive)),
});

/** A live object that says what kind of source it is, and gives roots by `method`. */
function provider<T extends { readonly kind: string }>(name: string, method: string): Check<T> {
  const source = port<T>(name, method);
  return (value) => {
    const given = source(value);
    return typeof given.kind === "string" ? given : refuse(`expected ${name}: its kind is no text`);
  };
}

/** A path, or a live object in its place. */
function pathOr<T>(check: Check<T>): Check<string | T> {
  return (value) => (typeof value === "string" ? path(value) : check(value));
}

function allocatorPort(value: unknown): Allocator {
  const allocator = port<Allocator>("an Allocator", "devices", "allocate", Symbol.asyncDispose)(value);
  return allocator.backend === "cuda" || allocator.backend === "mock"
    ? allocator
    : refuse('expected an Allocator: its backend is neither "cuda" nor "mock"');
}

const profile = oneOf("strict", "default", "development");

function policyChoice(value: unknown): "strict" | "default" | "development" | object {
  return isObject(value) && !Array.isArray(value) ? value : profile(value);
}

const directorySchema: Schema<AuditDirectory> = record({
  directory: checked(path),
  keys: v.exactOptional(
    checked(pathOr(provider<AuditKeyProvider>("a path or an AuditKeyProvider", "auditRoot"))),
  ),
  anchor: v.exactOptional(
    checked(pathOr(port<AuditAnchor>("a path or a CheckpointAnchor", "read", "write"))),
  ),
});
const sink = checked(port<AuditSink>("an AuditSink", "append", Symbol.asyncDispose));
const memory = checked(oneOf("memory"));

/** The three forms differ by what can be seen without running them: text, an own `directory`, or anything else. */
const auditSchema: Schema<AuditChoice> = v.lazy((value: unknown): Schema<AuditChoice> => {
  if (!isObject(value)) {
    return memory;
  }
  return hasOwn(value, "directory") ? directorySchema : sink;
});

const openSchema: Schema<ParsedOpenOptions> = refined(
  record({
    backend: v.optional(checked(oneOf("auto", "cuda", "mock")), "auto"),
    mock: v.exactOptional(mockSchema),
    allocator: v.exactOptional(checked(allocatorPort)),
    config: v.optional(configSchema, {}),
    keys: v.exactOptional(checked(provider<KeyProvider>("a KeyProvider", "sealRoots"))),
    policy: v.exactOptional(checked(policyChoice)),
    clock: v.exactOptional(checked(port<Clock>("a Clock", "wall", "mono"))),
    audit: v.exactOptional(auditSchema),
  }),
  (options) =>
    // The mock is taken only when it is named: to describe one and not to name it is a mistake worth hearing of.
    options.mock === undefined || options.backend === "mock"
      ? options
      : refuse('expected together with backend "mock" only', "mock"),
);

/**
 * Parses the shape of a mock.
 *
 * @throws {@link VramError} `ERR_CONFIG_INVALID`.
 */
export function parseMockOptions(input: unknown = {}): ParsedMockOptions {
  return run(mockSchema, input, {
    root: "mock",
    nested: true,
    code: "ERR_CONFIG_INVALID",
  });
}

/**
 * Parses the options of `openVram`.
 *
 * Key provider, clock and sink are live objects: they are looked at, then passed on as they are.
 *
 * @param input - A plain object, or `undefined`.
 * @throws {@link VramError} `ERR_CONFIG_INVALID` with the field, such as "config.stagingBytes", and the reason.
 */
export function parseOpenOptions(input: unknown = {}): ParsedOpenOptions {
  return run(openSchema, input, { root: "options", code: "ERR_CONFIG_INVALID" });
}
