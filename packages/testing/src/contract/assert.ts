import { type ErrorCode, type ErrorDetails, hasCode, isVramError } from "@vram-residency/types";

/** A promise of the contract that an allocator broke. */
export class ContractViolation extends Error {
  constructor(message: string) {
    super(message);
    this.name = "ContractViolation";
  }
}

/** Throws unless `condition` holds. @param claim - What should be true, as a sentence. */
export function holds(condition: boolean, claim: string): asserts condition {
  if (!condition) throw new ContractViolation(`it should be true that ${claim}`);
}

/** Throws unless two plain values are the same. */
export function same(actual: unknown, expected: string | number | boolean | undefined, what: string): void {
  if (actual !== expected) {
    throw new ContractViolation(`${what} should be ${String(expected)}, and is ${String(actual)}`);
  }
}

/** Throws unless two JSON values are the same, their fields in any order. */
export function sameJson(actual: unknown, expected: unknown, what: string): void {
  same(sortedJson(actual), sortedJson(expected), what);
}

/** Throws at the first byte that differs, and says where. */
export function sameBytes(actual: Uint8Array, expected: Uint8Array, what: string): void {
  same(actual.length, expected.length, `the length of ${what}`);
  for (let index = 0; index < expected.length; index += 1) {
    if (actual[index] !== expected[index]) throw new ContractViolation(`${what} differs at byte ${index}`);
  }
}

/**
 * Throws unless `promise` rejects with this code.
 *
 * @returns The error's detail.
 */
export async function rejects<Code extends ErrorCode>(
  promise: Promise<unknown>,
  code: Code,
  what: string,
): Promise<ErrorDetails[Code]> {
  const error = await rejection(promise, `${what} should reject with ${code}`);
  if (hasCode(error, code)) return error.detail;
  throw new ContractViolation(`${what} should reject with ${code}, and rejects with ${name(error)}`);
}

/** Throws unless `promise` rejects with exactly this value. */
export async function rejectsWith(promise: Promise<unknown>, reason: unknown, what: string): Promise<void> {
  const error = await rejection(promise, `${what} should reject`);
  if (error !== reason)
    throw new ContractViolation(
      `${what} should reject with the signal's reason, and rejects with ${name(error)}`,
    );
}

async function rejection(promise: Promise<unknown>, claim: string): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new ContractViolation(`${claim}, and resolves`);
}

function name(error: unknown): string {
  if (isVramError(error)) return error.code;
  return error instanceof Error ? `${error.name}: ${error.message}` : typeof error;
}

function sortedJson(value: unknown): string {
  return JSON.stringify(value, (_key, field: unknown) =>
    typeof field === "object" && field !== null && !Array.isArray(field)
      ? Object.fromEntries(Object.entries(field).sort(([a], [b]) => (a < b ? -1 : 1)))
      : field,
  );
}
