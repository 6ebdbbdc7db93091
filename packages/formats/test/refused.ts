import { hasCode } from "@vram-residency/types";

/** Which rule a file breaks, and where. "accepted" when it breaks none; any other error fails the test. */
export async function ruleOf(reading: Promise<unknown>): Promise<{ rule: string; offset: number }> {
  try {
    await reading;
  } catch (error) {
    if (hasCode(error, "ERR_FORMAT_INVALID")) return { rule: error.detail.rule, offset: error.detail.offset };
    if (hasCode(error, "ERR_SOURCE")) return { rule: `source: ${error.detail.reason}`, offset: 0 };
    throw error;
  }
  return { rule: "accepted", offset: 0 };
}
