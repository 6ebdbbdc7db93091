import { join } from "node:path";
import { interleave, type Part, part, programMs } from "./part.ts";

const PAIRS = 15;

/** How long `vramr --version` takes to start, against a Bun that does nothing. */
export async function startupPart(): Promise<Part> {
  const main = join(import.meta.dir, "..", "packages", "cli", "src", "main.ts");
  const vramr = [process.execPath, "--conditions=vram-residency-source", main, "--version"];
  const nothing = [process.execPath, "-e", "0"];
  const wall = async (command: readonly string[]): Promise<number> => (await programMs(command)).wallMs;
  const pairs = await interleave(
    PAIRS,
    () => wall(vramr),
    () => wall(nothing),
  );
  const detail = { pairs: PAIRS, vramrMs: pairs.ours, bunMs: pairs.theirs };
  return part(
    "start-up",
    "time of `vramr --version` divided by `bun -e 0`",
    { atMost: 3 },
    1 / pairs.ratio,
    detail,
  );
}
