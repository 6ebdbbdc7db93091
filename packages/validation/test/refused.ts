import { expect } from "bun:test";
import { isVramError } from "@vram-residency/types";

/** Runs `action`, which must throw, and gives "CODE field: reason", exactly as the detail says it. */
export function refusalOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (!isVramError(error)) {
      throw error;
    }
    if (error.code !== "ERR_INPUT_INVALID" && error.code !== "ERR_CONFIG_INVALID") {
      return `${error.code} ${error.message}`;
    }
    const { field, reason } = error.detail;
    expect(error.message).toBe(`${error.code}: ${field}: ${reason}`);
    return `${error.code} ${field}: ${reason}`;
  }
  throw new Error("nothing was refused");
}
