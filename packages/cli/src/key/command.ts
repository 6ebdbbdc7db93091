import type { Command } from "commander";
import { examples, type Host } from "../command.ts";
import type { ExportOptions } from "./export.ts";
import type { KeyCommandOptions } from "./run.ts";

/** Adds `vramr key`. */
export function addKey(program: Command, host: Host): void {
  const key = program
    .command("key")
    .description("make, show and rotate the roots that keys are derived from");
  addExport(key, host);
  shared(key.command("create"))
    .description("write a new random root, for its owner alone; never over a file that is there")
    .requiredOption("--out <file>", "the file to make")
    .option("--audit", "the root of an audit log, not that of seals")
    .addHelpText(
      "after",
      examples("vramr key create --out seal.key", "vramr key create --out audit.key --audit"),
    )
    .action(async ({ out, audit, ...options }: KeyCommandOptions & { out: string; audit?: boolean }) => {
      const { createKey } = await import("./run.ts");
      await createKey(out, audit === true ? "audit" : "seal", options, host.terminal);
    });
  shared(key.command("show"))
    .description("print the public ids and states of a file's generations, never a secret")
    .argument("<file>")
    .addHelpText("after", examples("vramr key show seal.key --deployment node-1"))
    .action(async (file: string, options: KeyCommandOptions) => {
      const { showKey } = await import("./run.ts");
      await showKey(file, options, host.terminal);
    });
  shared(key.command("rotate"))
    .description("make a new generation active; the old one still checks what it sealed")
    .argument("<file>")
    .option("--revoke", "let the old one check nothing any more, because it may have leaked")
    .addHelpText("after", examples("vramr key rotate seal.key", "vramr key rotate seal.key --revoke"))
    .action(async (file: string, { revoke, ...options }: KeyCommandOptions & { revoke?: boolean }) => {
      const { rotateKey } = await import("./run.ts");
      await rotateKey(file, revoke === true, options, host.terminal);
    });
}

function addExport(key: Command, host: Host): void {
  shared(key.command("export"))
    .description("make what a verifier of one audit log is given, and no more; never the root")
    .argument("<file>", "the key file of the log's root")
    .requiredOption("--log <dir>", "the log's directory, or its id")
    .option("--public-key <file>", "the public key: it verifies checkpoints")
    .option("--verify-secret <file>", "the secret that verifies MACs of this log: who has it can forge them")
    .addHelpText(
      "after",
      examples("vramr key export audit.key --log ./audit --public-key log.pub --verify-secret audit.mac"),
    )
    .action(async (file: string, options: ExportOptions) => {
      const { exportKey } = await import("./export.ts");
      await exportKey(file, options, host.terminal);
    });
}

function shared(command: Command): Command {
  return command
    .option("--deployment <name>", "the name that the public ids are made with", "default")
    .option("--json", "print one JSON document");
}
