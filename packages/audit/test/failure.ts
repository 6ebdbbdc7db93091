import { hasCode } from "@vram-residency/types";

/** Why a sink refused a record; "resolved" when it did not. Any other error fails the test. */
export async function unavailableReason(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (hasCode(error, "ERR_AUDIT_UNAVAILABLE")) return error.detail.reason;
    throw error;
  }
  return "resolved";
}

/** What an input was refused for, as "field: reason"; "accepted" when it was not. Any other error fails the test. */
export function refusal(make: () => unknown): string {
  try {
    make();
  } catch (error) {
    if (hasCode(error, "ERR_INPUT_INVALID")) return `${error.detail.field}: ${error.detail.reason}`;
    throw error;
  }
  return "accepted";
}
