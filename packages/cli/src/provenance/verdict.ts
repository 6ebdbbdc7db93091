import type { ModelReport } from "@vram-residency/provenance";
import { hasCode } from "@vram-residency/types";
import { EXIT } from "../exit-code.ts";
import { describe } from "../report.ts";
import { paint, printDocument, type Terminal } from "../terminal.ts";
import { size } from "../text.ts";

/** What the check of a model found. */
export interface Found {
  readonly report: ModelReport;
  /** Further fields of the document. */
  readonly facts: object;
  /** Further lines for people. */
  readonly lines: readonly string[];
}

/**
 * Tells what the check of a model found, or which rule refused it.
 *
 * @param command - Names the schema.
 * @param kind - Of the document.
 * @returns The exit code.
 */
export async function tellVerdict(
  command: string,
  kind: string,
  json: boolean,
  terminal: Terminal,
  check: () => Promise<Found>,
): Promise<number> {
  try {
    const { report, facts, lines } = await check();
    if (json) {
      printDocument(terminal, command, kind, { ok: true, ...report, ...facts });
      return EXIT.ok;
    }
    const { files, bytes, digest } = report;
    const what = `${files} file${files === 1 ? "" : "s"}, ${size(bytes)} (${bytes} bytes)`;
    terminal.out(`${paint(terminal, "good", "ok")} ${what}, as in the manifest ${digest}\n`);
    for (const line of lines) terminal.out(`   ${line}\n`);
    return EXIT.ok;
  } catch (error) {
    if (!hasCode(error, "ERR_PROVENANCE")) throw error;
    if (json) printDocument(terminal, command, kind, { ok: false, ...error.detail });
    terminal.note(`vramr: ${describe(error)}\n`);
    return EXIT.integrity;
  }
}
