import { hasCode } from "@vram-residency/types";

/** The rule that something breaks; "accepted" when it breaks none, and any other error's code. */
export async function ruleOf(work: () => unknown): Promise<string> {
  try {
    await work();
  } catch (error) {
    if (hasCode(error, "ERR_PROVENANCE")) return error.detail.rule;
    if (hasCode(error, "ERR_SOURCE")) return `source: ${error.detail.reason}`;
    throw error;
  }
  return "accepted";
}
