import fc from "fast-check";
import type { CrashChoice } from "../file-system/choice.ts";

/** Ways a power loss can go, for one crash each. They shrink towards losing everything that was not synced. */
export function crashChoices(): fc.Arbitrary<CrashChoice> {
  return fc.array(fc.nat(), { maxLength: 64, size: "max" }).map((answers) => {
    let asked = 0;
    return ({ options }) => {
      const answer = answers[asked] ?? 0;
      asked += 1;
      return answer % options;
    };
  });
}
