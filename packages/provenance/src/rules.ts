import { VramError } from "@vram-residency/types";

/** Every rule that provenance can break, closed. `docs/spec/provenance-v1.md` says what each wants. */
export const PROVENANCE_RULES = [
  // The bundle, before anything in it is believed.
  "bundle-size",
  "json",
  "json-duplicate-name",
  "json-trailing-data",
  "bundle-shape",
  "bundle-media-type",
  "bundle-material",
  "base64",
  "payload-type",
  "signature-count",
  "signature-encoding",
  "signature",
  // Keys and certificates.
  "key-format",
  "key-type",
  "key-differs",
  "certificate-encoding",
  "certificate-algorithm",
  "certificate-critical",
  "certificate-usage",
  "chain-length",
  "chain-name",
  "chain-signature",
  "chain-ca",
  "chain-path-length",
  "chain-validity",
  "chain-anchor",
  // What was signed.
  "statement-shape",
  "statement-type",
  "predicate-type",
  "subject",
  "method",
  "hash-type",
  "ignore-path",
  "resource-count",
  "resource-shape",
  "resource-name",
  "resource-duplicate",
  "resource-order",
  "shard-size",
  "shard-gap",
  "shard-overlap",
  "root-digest",
  // What is on the disk.
  "symlink",
  "special-file",
  "extra-file",
  "resource-missing",
  "resource-bytes",
  "resource-digest",
  // Lists of digests that nobody signed.
  "manifest-shape",
  "checksum-line",
] as const;

/** One rule of {@link PROVENANCE_RULES}. */
export type ProvenanceRule = (typeof PROVENANCE_RULES)[number];

/** Longest name that an error repeats. Unit: UTF-16 code units. */
const NAME_UNITS_MAX = 120;

/**
 * Refuses what breaks a rule.
 *
 * @param message - Without the rule: what is wrong, and what to do about it.
 * @param resource - The name it is about; it is shortened, and loses what could steer a terminal.
 * @throws {@link VramError} `ERR_PROVENANCE`, always.
 */
export function refuse(rule: ProvenanceRule, message: string, resource?: string, cause?: unknown): never {
  const detail = resource === undefined ? { rule } : { rule, resource: shown(resource) };
  const place = detail.resource === undefined ? "" : ` (${detail.resource})`;
  const options = cause === undefined ? undefined : { cause };
  throw new VramError("ERR_PROVENANCE", `${rule}${place}: ${message}`, detail, options);
}

function shown(name: string): string {
  const text = name.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "?");
  return text.length <= NAME_UNITS_MAX ? text : `${text.slice(0, NAME_UNITS_MAX)}…`;
}
