import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AuditRoot, deriveVerifySecret, exportVerifySecret } from "@vram-residency/audit/log";
import { DEPLOYMENT, ROOT } from "../../audit/test/log/fixtures.ts";
import type { LogMaker } from "../../audit/test/log/make-log.ts";

export { LOG, ROOT } from "../../audit/test/log/fixtures.ts";
export { closedLog, LogMaker } from "../../audit/test/log/make-log.ts";

/** Writes a log's files as a writer would leave them. */
export async function writeLog(directory: string, maker: LogMaker): Promise<void> {
  const { segments, checkpoints, head } = maker.files();
  await mkdir(directory, { recursive: true });
  for (const { firstSeq, bytes } of segments) {
    await writeFile(join(directory, `${String(firstSeq).padStart(20, "0")}.jsonl`), bytes);
  }
  await writeFile(join(directory, "checkpoints"), checkpoints);
  if (head !== undefined) await writeFile(join(directory, "checkpoint"), head);
  await writeFile(join(directory, "log.pub"), `${maker.opening.key}\n`);
}

/** The line that a verifier of this log's MACs is given. */
export function verifySecretOf(log: string): string {
  using root = new AuditRoot(ROOT);
  using secret = deriveVerifySecret(root, log, DEPLOYMENT);
  return `${exportVerifySecret(secret)}\n`;
}
