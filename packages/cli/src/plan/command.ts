import type { Command } from "commander";
import { examples, type Host } from "../command.ts";
import type { PlanCommandOptions } from "./run.ts";

/** Adds `vramr plan`. */
export function addPlan(program: Command, host: Host): void {
  program
    .command("plan")
    .description("say what a model takes of each device, and whether it fits; touches no device")
    .argument(
      "<path>",
      "a safetensors or GGUF file, an index, a model's directory, or its folder in a Hugging Face cache",
    )
    .option(
      "--capacity <size>",
      "what a device has for new shards, such as 80GiB; once for each device (default: one, of unknown size)",
      (value: string, given: readonly string[]) => [...given, value],
      [],
    )
    .option("--granularity <size>", "what allocations are rounded up to", "2MiB")
    .option("--no-leaves", "do not keep the fs-verity leaves (0.78 %) in device memory")
    .option("--json", "print one JSON document")
    .addHelpText(
      "after",
      examples("vramr plan ./llama --capacity 24GiB", "vramr plan ./llama --capacity 80GiB --capacity 80GiB"),
    )
    .action(async (path: string, options: PlanCommandOptions) => {
      const { runPlan } = await import("./run.ts");
      host.finish(await runPlan(path, options, host.terminal));
    });
}
