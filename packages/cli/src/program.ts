import { Command, CommanderError } from "commander";
import { addAudit } from "./audit/command.ts";
import type { AddCommand } from "./command.ts";
import { addDemo } from "./demo/command.ts";
import { addDigest } from "./digest/command.ts";
import { addDoctor } from "./doctor/command.ts";
import { EXIT, exitCodeOf } from "./exit-code.ts";
import { helpLayout } from "./help.ts";
import { addInspect } from "./inspect/command.ts";
import { addKey } from "./key/command.ts";
import { addManifest } from "./manifest/command.ts";
import { addPlan } from "./plan/command.ts";
import { addProvenance } from "./provenance/command.ts";
import type { Terminal } from "./terminal.ts";
import { wrap } from "./text.ts";
import { packageVersion } from "./version.ts";

const COMMANDS: readonly AddCommand[] = [
  addDemo,
  addDigest,
  addInspect,
  addPlan,
  addDoctor,
  addKey,
  addAudit,
  addManifest,
  addProvenance,
];

const EXIT_CODES =
  "Exit codes: 0 ok, 1 integrity failed, 2 usage, 3 environment, 4 policy refused, 5 not enough VRAM, 10 to 12 a log that is cut off, unsigned or not sealed, 130 interrupted";

/**
 * Runs one command.
 *
 * @param args - Without the program's name.
 * @returns The exit code. Never throws, never prints a stack.
 */
export async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  let code: number = EXIT.ok;
  const program = new Command("vramr")
    .description("Sealed, verifiable model weights in GPU memory")
    .version(packageVersion(), "-V, --version", "print the version")
    .helpOption("-h, --help", "print help")
    .helpCommand("help [command]", "print help for a command")
    .showHelpAfterError("(vramr --help shows what there is)")
    .exitOverride()
    .configureHelp(helpLayout(terminal.columns))
    .configureOutput({
      writeOut: terminal.out,
      writeErr: terminal.note,
      getOutHelpWidth: () => terminal.columns,
      getErrHelpWidth: () => terminal.columns,
    });
  const finish = (result: number): void => {
    code = result;
  };
  for (const add of COMMANDS) add(program, { terminal, finish });
  program.addHelpText("after", `\n${wrap(EXIT_CODES, terminal.columns).join("\n")}`);
  try {
    await program.parseAsync(args, { from: "user" });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    const { describe } = await import("./report.ts");
    terminal.note(`vramr: ${describe(error)}\n`);
    return exitCodeOf(error);
  } finally {
    terminal.status("");
  }
}
