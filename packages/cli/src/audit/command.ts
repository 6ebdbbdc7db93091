import type { Command } from "commander";
import { examples, type Host } from "../command.ts";
import { wrap } from "../text.ts";
import type { ShowCommandOptions } from "./show.ts";
import type { VerifyCommandOptions } from "./verify.ts";

const EXIT_CODES =
  "Exit codes: 0 sound, 1 tampered, 2 usage, 3 environment, 10 truncated, 11 unsigned for too long, 12 not sealed";

/** Adds `vramr audit`. */
export function addAudit(program: Command, host: Host): void {
  const audit = program.command("audit").description("verify and read audit logs, without their writer");
  addVerify(audit, host);
  addShow(audit, host);
}

function addVerify(audit: Command, host: Host): void {
  audit
    .command("verify")
    .description("check every record of a log; also beside its writer, and without any secret")
    .argument("<dir>", "the log's directory")
    .option("--public-key <file>", "the log's public key, kept elsewhere (default: what the log says it is)")
    .option("--mac-key <file>", "check MACs too, with a verify secret; once for each root", collect)
    .option("--against <checkpoint>", "a checkpoint that was kept elsewhere")
    .option("--allow-pruned", "accept a log whose first segments were deleted")
    .option("--max-unsigned-age <time>", "how old the newest checkpoint may be under unsigned records", "90s")
    .option("--json", "print one JSON document")
    .addHelpText(
      "after",
      `\n${wrap(EXIT_CODES, host.terminal.columns).join("\n")}\n${examples(
        "vramr audit verify ./out/audit",
        "vramr audit verify ./out/audit --public-key log.pub --mac-key audit.mac",
        "vramr audit verify ./out/audit --against checkpoint --max-unsigned-age 5m --json",
      )}`,
    )
    .action(async (directory: string, options: VerifyCommandOptions) => {
      const { verifyAudit } = await import("./verify.ts");
      host.finish(await verifyAudit(directory, options, host.terminal));
    });
}

function addShow(audit: Command, host: Host): void {
  audit
    .command("show")
    .description("print the records of a log, a line each; shows, and does not verify")
    .argument("<dir>", "the log's directory")
    .option("-f, --follow", "go on with what is written from now on, until interrupted")
    .option("--type <names>", "only these types, separated by commas", collect)
    .option("--json", "print each record's JSON, a line each")
    .addHelpText(
      "after",
      examples(
        "vramr audit show ./out/audit",
        "vramr audit show ./out/audit --type VramSealed,VramDeallocated",
        "vramr audit show ./out/audit --follow --json",
      ),
    )
    .action(async (directory: string, options: ShowCommandOptions) => {
      const { showAudit } = await import("./show.ts");
      host.finish(await showAudit(directory, options, host.terminal));
    });
}

function collect(value: string, all: readonly string[] = []): readonly string[] {
  return [...all, value];
}
