import { readFile } from "node:fs/promises";
import { isVramError } from "@vram-residency/types";
import { Command, CommanderError } from "commander";
import { EXIT, exitCodeOf } from "./exit-code.ts";
import type { Terminal } from "./terminal.ts";

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
    .version(await packageVersion(), "-V, --version", "print the version")
    .helpOption("-h, --help", "print help")
    .helpCommand("help [command]", "print help for a command")
    .showHelpAfterError("(vramr --help shows what there is)")
    .exitOverride()
    .configureOutput({
      writeOut: terminal.out,
      writeErr: terminal.note,
      getOutHelpWidth: () => terminal.columns,
      getErrHelpWidth: () => terminal.columns,
    });
  program
    .command("demo")
    .description(
      "seal a model, flip one bit of it in device memory, catch, locate and repair it, release it wiped",
    )
    .option("--model <path>", "a .safetensors file or a model's directory (default: a small one is written)")
    .option("--backend <name>", "auto, mock or cuda", "auto")
    .option(
      "--state <dir>",
      "keep the model and the audit log here (default: a temporary directory, removed)",
    )
    .option("--flip <shard:byte:bit>", "which bit to flip; SHARD is a number from 0 or a shard id")
    .option("--json", "print one JSON document instead of the story", false)
    .addHelpText(
      "after",
      "\nExamples:\n  vramr demo\n  vramr demo --model ./llama --flip 0:4096:7\n  vramr demo --state ./out --json",
    )
    .action(async (options: Record<string, string | boolean | undefined>) => {
      code = await demo(options, terminal);
    });
  program.addHelpText(
    "after",
    "\nExit codes: 0 ok, 1 integrity failed, 2 usage, 3 environment, 4 policy refused, 5 not enough VRAM",
  );
  try {
    await program.parseAsync(args, { from: "user" });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    terminal.note(`vramr: ${describe(error)}\n`);
    return exitCodeOf(error);
  }
}

async function demo(
  options: Record<string, string | boolean | undefined>,
  terminal: Terminal,
): Promise<number> {
  // Loaded on demand, so that `--version` and `--help` stay quick.
  const { parseBackend, parseFlip } = await import("./demo/options.ts");
  const { runDemo } = await import("./demo/run.ts");
  const { model, state, flip, backend } = options;
  return await runDemo(
    {
      ...(typeof model === "string" ? { model } : {}),
      ...(typeof state === "string" ? { state } : {}),
      ...(typeof flip === "string" ? { flip: parseFlip(flip) } : {}),
      backend: parseBackend(String(backend)),
      json: options["json"] === true,
    },
    terminal,
  );
}

/** The version of this package, from its manifest. */
async function packageVersion(): Promise<string> {
  const manifest = await readFile(new URL("../package.json", import.meta.url), "utf8");
  return (JSON.parse(manifest) as { version: string }).version;
}

function describe(error: unknown): string {
  if (isVramError(error)) return error.message;
  // A runtime's own error, such as EACCES on the state directory: its code and what it said, never its stack.
  return error instanceof Error ? error.message.split("\n", 1).join("") : "failed in an unknown way";
}
