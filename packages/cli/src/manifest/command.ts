import type { Command } from "commander";
import { examples, type Host } from "../command.ts";
import type { ManifestOptions } from "./run.ts";

/** Adds `vramr manifest`. */
export function addManifest(program: Command, host: Host): void {
  const manifest = program
    .command("manifest")
    .description("list the files of a model with their digests, or check them against a list");
  shared(manifest.command("create"))
    .description("print the manifest of a model as it is on disk")
    .addHelpText("after", examples("vramr manifest create ./llama > llama.manifest"))
    .action(async (path: string, options: ManifestOptions) => {
      const { printManifest } = await import("./run.ts");
      await printManifest(path, options, host.terminal);
    });
  shared(manifest.command("verify"))
    .description("check a model: every file of the list as it was, and no other")
    .requiredOption("--manifest <file>", "a manifest, or what sha256sum printed in the model's directory")
    .addHelpText("after", examples("vramr manifest verify ./llama --manifest llama.manifest"))
    .action(async (path: string, options: ManifestOptions & { readonly manifest: string }) => {
      const { verifyManifest } = await import("./run.ts");
      host.finish(await verifyManifest(path, options, host.terminal));
    });
}

function shared(command: Command): Command {
  return command
    .argument("<path>", "the model's directory, or its file")
    .option("--ignore-path <path...>", "files or directories that do not belong to the model")
    .option("--json", "print one JSON document");
}
