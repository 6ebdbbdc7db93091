import { expect } from "bun:test";
import { type AnyVramError, type ErrorCode, isVramError } from "@vram-residency/types";

/** What `body` throws on purpose. Fails the test when it throws nothing, or anything else. */
export function thrownBy(body: () => unknown): AnyVramError {
  try {
    body();
  } catch (error) {
    if (isVramError(error)) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

/** Expects `body` to throw `code` with this detail. */
export function expectError(body: () => unknown, code: ErrorCode, detail: object = {}): void {
  const error = thrownBy(body);

  expect(error.code).toBe(code);
  expect(error.detail).toMatchObject(detail);
}
