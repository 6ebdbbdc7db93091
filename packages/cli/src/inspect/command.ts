import type { Command } from "commander";
import { examples, type Host } from "../command.ts";

/** Adds `vramr inspect`. */
export function addInspect(program: Command, host: Host): void {
  program
    .command("inspect")
    .description("look at what is there")
    .command("model")
    .description("print the files and tensors of a model; reads headers, no weights")
    .argument(
      "<path>",
      "a safetensors or GGUF file, an index, a model's directory, or its folder in a Hugging Face cache",
    )
    .option("--json", "print one JSON document")
    .addHelpText(
      "after",
      examples("vramr inspect model ./llama", "vramr inspect model model.safetensors --json"),
    )
    .action(async (path: string, { json }: { readonly json?: boolean }) => {
      const { inspectModel } = await import("./run.ts");
      await inspectModel(path, json === true, host.terminal);
    });
}
