import { printable } from "@vram-residency/audit";
import { EXIT } from "../exit-code.ts";
import { refuseArgument } from "../report.ts";
import { printDocument, type Terminal } from "../terminal.ts";
import { runCheck } from "./check.ts";
import { hashAll } from "./hash.ts";
import type { DigestCommandOptions } from "./options.ts";
import { formatSum } from "./sums.ts";
import { assertOneInput, STANDARD_INPUT, watch } from "./tasks.ts";

/**
 * Runs `vramr digest`.
 *
 * @returns The exit code: 0; 1 when a checked file is not what it should be; 3 when one cannot be read.
 * @throws `ERR_INPUT_INVALID` for options that contradict each other; `ERR_FORMAT_INVALID` for a file of checksums that is
 * none; `ERR_CANCELLED`.
 */
export async function runDigest(options: DigestCommandOptions, terminal: Terminal): Promise<number> {
  const { algorithm = "sha256", check, files, quiet, json } = options;
  if (check !== undefined) {
    if (files.length > 0) refuseArgument("--check", "takes no further files: SUMS says which");
    return await runCheck({ ...options, check }, terminal);
  }
  if (quiet) refuseArgument("--quiet", "says something only together with --check");
  const names = files.length === 0 ? [STANDARD_INPUT] : files;
  assertOneInput(names);

  const tasks = names.map((name) => ({ name, algorithm }));
  const found: object[] = [];
  let unreadable = 0;
  for await (const [{ name }, hashed] of hashAll(tasks, terminal, await watch(tasks, terminal))) {
    if (hashed.digest === undefined) {
      unreadable++;
      found.push({ name, reason: hashed.reason });
      terminal.note(`vramr: ${printable(name)}: ${hashed.reason}\n`);
    } else {
      found.push({ name, digest: hashed.digest, bytes: hashed.bytes, engine: hashed.engine });
      if (!json) terminal.out(`${formatSum(hashed.digest, name)}\n`);
    }
  }
  if (json) printDocument(terminal, "digest", "Digests", { algorithm, files: found });
  return unreadable === 0 ? EXIT.ok : EXIT.environment;
}
