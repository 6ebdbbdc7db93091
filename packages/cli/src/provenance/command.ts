import type { Command } from "commander";
import { examples, type Host } from "../command.ts";
import type { VerifyModelOptions } from "./run.ts";

/** Adds `vramr provenance`. */
export function addProvenance(program: Command, host: Host): void {
  program
    .command("provenance")
    .description("check who signed a model, and that it is what was signed")
    .command("verify")
    .description("verify a model with its OpenSSF Model Signing bundle, offline")
    .argument("<path>", "the model's directory, or its file")
    .requiredOption("--bundle <file>", "the signature: a Sigstore bundle, as a rule model.sig")
    .option("--public-key <file>", "the publisher's key, in PEM, from elsewhere than the model")
    .option("--certificate-chain <file>", "certificates of authorities that you trust, in PEM")
    .option("--ignore-expiry", "accept a certificate that was valid when it began, and is no more")
    .option("--ignore-path <path...>", "files or directories that do not belong to the model")
    .option("--json", "print one JSON document")
    .addHelpText(
      "after",
      examples(
        "vramr provenance verify ./llama --bundle llama/model.sig --public-key publisher.pem",
        "vramr provenance verify ./llama --bundle model.sig --certificate-chain ca.pem",
      ),
    )
    .action(async (path: string, options: VerifyModelOptions) => {
      const { verifyProvenance } = await import("./run.ts");
      host.finish(await verifyProvenance(path, options, host.terminal));
    });
}
