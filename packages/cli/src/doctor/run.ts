import { printable } from "@vram-residency/audit";
import { EXIT } from "../exit-code.ts";
import { paint, printDocument, type Terminal, type Tone } from "../terminal.ts";
import { wrap } from "../text.ts";
import { CHECKS } from "./checks.ts";
import { cudaFindings } from "./cuda.ts";
import type { Finding } from "./finding.ts";
import type { Machine } from "./machine.ts";

/** What `vramr doctor` was asked to do. */
export interface DoctorCommandOptions {
  readonly require: "mock" | "cuda";
  readonly json?: boolean;
}

const MARKS: { readonly [State in Finding["state"]]: readonly [mark: string, tone: Tone] } = {
  ok: ["ok", "good"],
  note: ["note", "strong"],
  missing: ["missing", "bad"],
};
const INDENT = 9;

/** Runs `vramr doctor`. @returns The exit code: 3 unless the required backend can work. */
export async function runDoctor(
  options: DoctorCommandOptions,
  machine: Machine,
  terminal: Terminal,
): Promise<number> {
  const checks: Finding[] = [];
  for (const check of CHECKS) checks.push(await check(machine));
  checks.push(...(await cudaFindings(machine.cuda)));
  const can = (backend: "mock" | "cuda"): boolean => checks.every(({ stops }) => !stops.includes(backend));
  const usable = { mock: can("mock"), cuda: can("cuda") };
  if (options.json) printDocument(terminal, "doctor", "Doctor", { usable, checks });
  else {
    for (const finding of checks) printFinding(finding, terminal);
    const word = (backend: "mock" | "cuda"): string =>
      `${backend}: ${usable[backend] ? "can work" : "cannot work"}`;
    terminal.out(`\n${word("mock")}\n${word("cuda")}\n`);
  }
  return usable[options.require] ? EXIT.ok : EXIT.environment;
}

function printFinding({ check, state, found, remedy }: Finding, terminal: Terminal): void {
  const [mark, tone] = MARKS[state];
  const room = terminal.columns - INDENT;
  const [first = "", ...rest] = wrap(`${check}: ${printable(found)}`, room);
  terminal.out(`${paint(terminal, tone, mark)}${" ".repeat(INDENT - mark.length)}${first}\n`);
  for (const line of [...rest, ...(remedy === undefined ? [] : wrap(`-> ${remedy}`, room))]) {
    terminal.out(`${" ".repeat(INDENT)}${line}\n`);
  }
}
