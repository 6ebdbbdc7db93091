import { type Command, Option } from "commander";
import { examples, type Host } from "../command.ts";
import type { DoctorCommandOptions } from "./run.ts";

/** Adds `vramr doctor`. */
export function addDoctor(program: Command, host: Host): void {
  program
    .command("doctor")
    .description("say what is there, what is missing and what to do; changes nothing that stays")
    .addOption(
      new Option("--require <backend>", "fail unless this backend can work")
        .choices(["mock", "cuda"])
        .default("mock"),
    )
    .option("--json", "print one JSON document")
    .addHelpText("after", examples("vramr doctor", "vramr doctor --require cuda --json"))
    .action(async (options: DoctorCommandOptions) => {
      const { runDoctor } = await import("./run.ts");
      const { thisMachine } = await import("./machine.ts");
      host.finish(await runDoctor(options, thisMachine, host.terminal));
    });
}
