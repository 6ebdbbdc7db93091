import type { Command } from "commander";
import { examples, type Host } from "../command.ts";

interface Options {
  readonly model?: string;
  readonly state?: string;
  readonly flip?: string;
  readonly backend: string;
  readonly json?: boolean;
}

/** Adds `vramr demo`. */
export function addDemo(program: Command, host: Host): void {
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
    .option("--json", "print one JSON document instead of the story")
    .addHelpText(
      "after",
      examples("vramr demo", "vramr demo --model ./llama --flip 0:4096:7", "vramr demo --state ./out --json"),
    )
    .action(async ({ model, state, flip, backend, json }: Options) => {
      const { parseBackend, parseFlip } = await import("./options.ts");
      const { runDemo } = await import("./run.ts");
      host.finish(
        await runDemo(
          {
            ...(model === undefined ? {} : { model }),
            ...(state === undefined ? {} : { state }),
            ...(flip === undefined ? {} : { flip: parseFlip(flip) }),
            backend: parseBackend(backend),
            json: json === true,
          },
          host.terminal,
        ),
      );
    });
}
