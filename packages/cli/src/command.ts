import type { Command } from "commander";
import type { Terminal } from "./terminal.ts";

/** What the commands are given. */
export interface Host {
  readonly terminal: Terminal;
  /** Notes the exit code of the command that ran. */
  finish(code: number): void;
}

/** Adds one command to the program; what it does is loaded when it runs, so that `--version` and help stay quick. */
export type AddCommand = (program: Command, host: Host) => void;

/** Examples at the end of a command's help. */
export function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  ${line}`).join("\n")}`;
}
