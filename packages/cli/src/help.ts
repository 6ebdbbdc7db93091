import type { Help, HelpConfiguration } from "commander";
import { wrap } from "./text.ts";

/** Below this, a description stands under what it describes, not beside it. Unit: characters. */
const NARROW_COLUMNS = 72;
const INDENT = 4;

/** How help looks on a terminal of this width. */
export function helpLayout(columns: number): HelpConfiguration {
  if (columns >= NARROW_COLUMNS) return {};
  return {
    formatItem(this: Help, term, _termWidth, description) {
      const lines = description === "" ? [] : wrap(description, columns - INDENT);
      return [`  ${term}`, ...lines.map((line) => `${" ".repeat(INDENT)}${line}`)].join("\n");
    },
  };
}
