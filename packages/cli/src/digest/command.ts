import { type Command, Option } from "commander";
import { examples, type Host } from "../command.ts";
import type { DigestCommandOptions } from "./options.ts";

/** Adds `vramr digest`. */
export function addDigest(program: Command, host: Host): void {
  program
    .command("digest")
    .description("print the digest of files, as sha256sum, fsverity and b3sum do, or check them")
    .argument("[file...]", "files; none, or -, is standard input")
    .addOption(
      new Option("-a, --algorithm <name>", "sha256 (the default), fsverity-sha256 or blake3").choices([
        "sha256",
        "fsverity-sha256",
        "blake3",
      ]),
    )
    .option("-c, --check <sums>", "check the files that SUMS lists; - is standard input")
    .option("--quiet", "with --check: no line for a file that is what it should be")
    .option("--json", "print one JSON document")
    .addHelpText(
      "after",
      examples(
        "vramr digest model-*.safetensors > SUMS",
        "vramr digest --check SUMS --quiet",
        "vramr digest -a fsverity-sha256 model.safetensors",
        "tar c model | vramr digest -a blake3",
      ),
    )
    .action(async (files: string[], options: Omit<DigestCommandOptions, "files">) => {
      const { runDigest } = await import("./run.ts");
      host.finish(await runDigest({ ...options, files }, host.terminal));
    });
}
