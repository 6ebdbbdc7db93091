import { openLogSource } from "@vram-residency/audit/file";
import {
  type AuditVerifySecret,
  type BadPlace,
  type CheckpointKey,
  type LogReport,
  segmentName,
  VERDICT_EXIT,
  verifyLog,
} from "@vram-residency/audit/log";
import { nodeEd25519, nodeHmacSha256, nodeSha256 } from "@vram-residency/crypto/node";
import { nodeFileSystem, systemClock } from "@vram-residency/types/node";
import { parseDuration } from "../duration.ts";
import { paint, printDocument, type Terminal, type Tone } from "../terminal.ts";
import { wrap } from "../text.ts";
import { readCheckpoint, readMacKey, readPublicKey } from "./pins.ts";
import { requireDirectory, watched } from "./source.ts";
import { ruleText, trustText, verdictText } from "./words.ts";

/** What `vramr audit verify` was asked to do. */
export interface VerifyCommandOptions {
  readonly publicKey?: string;
  readonly macKey?: readonly string[];
  readonly against?: string;
  readonly allowPruned?: boolean;
  readonly maxUnsignedAge: string;
  readonly json?: boolean;
}

/** What the caller brought, read. */
interface Pins {
  readonly key?: CheckpointKey;
  readonly secrets: readonly AuditVerifySecret[];
  readonly against?: Uint8Array;
  readonly unsignedMaxMs?: number;
}

/**
 * Runs `vramr audit verify`.
 *
 * @returns The exit code of the verdict, as `VERDICT_EXIT` has it.
 * @throws {@link VramError} `ERR_INPUT_INVALID` and `ERR_FORMAT_INVALID` for wrong arguments, `ERR_SOURCE` for what cannot
 * be read, `ERR_CANCELLED`.
 */
export async function verifyAudit(
  directory: string,
  options: VerifyCommandOptions,
  terminal: Terminal,
): Promise<number> {
  const pins = await readPins(options);
  try {
    const report = await judge(directory, pins, options.allowPruned === true, terminal);
    if (options.json) printDocument(terminal, "audit", "AuditVerification", documentOf(report));
    else tell(report, pins, terminal);
    return VERDICT_EXIT[report.verdict];
  } finally {
    for (const secret of pins.secrets) secret[Symbol.dispose]();
  }
}

/** Verifies a log with a copy of its public key, and nothing else. @throws As {@link verifyAudit}. */
export async function verifyDirectory(
  directory: string,
  publicKey: string,
  terminal: Terminal,
): Promise<LogReport> {
  const key = await readPublicKey(publicKey);
  return await judge(directory, { key, secrets: [] }, false, terminal);
}

async function readPins({
  publicKey,
  macKey = [],
  against,
  maxUnsignedAge,
}: VerifyCommandOptions): Promise<Pins> {
  const unsignedMaxMs = parseDuration(maxUnsignedAge, "--max-unsigned-age");
  const secrets: AuditVerifySecret[] = [];
  for (const path of macKey) secrets.push(await readMacKey(path));
  return {
    unsignedMaxMs,
    secrets,
    ...(publicKey === undefined ? {} : { key: await readPublicKey(publicKey) }),
    ...(against === undefined ? {} : { against: await readCheckpoint(against) }),
  };
}

async function judge(
  directory: string,
  { key, secrets, against, unsignedMaxMs }: Pins,
  allowPruned: boolean,
  terminal: Terminal,
): Promise<LogReport> {
  await requireDirectory(directory);
  await using source = await openLogSource(nodeFileSystem, directory);
  const report = await verifyLog(watched(source, terminal), {
    ed25519: nodeEd25519,
    hashes: { sha256: nodeSha256, hmacSha256: nodeHmacSha256 },
    now: systemClock.wall(),
    secrets,
    allowPruned,
    ...(unsignedMaxMs === undefined ? {} : { unsignedMaxMs }),
    ...(key ? { publicKey: key.publicKey } : {}),
    ...(against ? { against } : {}),
  });
  // One root signs many logs: the key alone would let one of them take another's place.
  const { log, firstSeq } = report;
  if (key === undefined || log === undefined || log === key.log || report.verdict === "tampered")
    return report;
  return {
    ...report,
    verdict: "tampered",
    trust: "self-asserted",
    bad: { seq: firstSeq, segment: firstSeq, offset: 0, rule: "log" },
  };
}

function documentOf({ bad, ...report }: LogReport): object {
  return {
    ...report,
    exitCode: VERDICT_EXIT[report.verdict],
    ...(bad ? { bad: { ...bad, file: fileOf(bad), reason: ruleText(bad.rule) } } : {}),
  };
}

function fileOf({ segment }: BadPlace): string {
  return `${segmentName(segment)}.jsonl`;
}

function tell(report: LogReport, pins: Pins, terminal: Terminal): void {
  const { verdict, bad, log, tornBytes, abandonedBytes } = report;
  const tone: Tone = verdict === "sound" ? "good" : "bad";
  for (const line of wrap(verdictText(report), terminal.columns)) {
    terminal.out(`${paint(terminal, tone, line)}\n`);
  }
  const fact = (name: string, text: string): void => {
    const [first = "", ...rest] = wrap(text, terminal.columns - INDENT);
    terminal.out(`${name.padEnd(INDENT)}${first}\n`);
    for (const line of rest) terminal.out(`${" ".repeat(INDENT)}${line}\n`);
  };
  if (bad) {
    fact("first bad", `record ${bad.seq}, at byte ${bad.offset} of ${fileOf(bad)}`);
    fact("because", `${ruleText(bad.rule)} (${bad.rule})`);
  }
  if (log !== undefined) fact("log", log);
  fact("records", recordsText(report));
  if (tornBytes > 0) fact("torn", `${tornBytes} bytes of a line that is not whole, as beside a writer`);
  if (abandonedBytes > 0) fact("given up", `${abandonedBytes} bytes that a failed sync left behind`);
  const unchecked = "not checked: give --mac-key";
  fact(
    "MACs",
    report.macs === "unchecked" ? unchecked : bad ? "checked, as far as records hold" : "checked, all right",
  );
  if (verdict === "sound" || verdict === "unsigned-tail-old") {
    fact("trust", `${report.trust}: ${trustText(report, pins.key !== undefined)}`);
  }
}

/** Width of a fact's name. Unit: characters. */
const INDENT = 10;

function recordsText({ firstSeq, records, signed, verdict }: LogReport): string {
  if (records === 0) return "none";
  const pruned = firstSeq > 0 ? `, the first ${firstSeq} of them deleted` : "";
  const held = verdict === "tampered" ? `${records} hold before that` : `${records}`;
  return `${held}${pruned}; ${signed === records ? "all" : signed} signed`;
}
