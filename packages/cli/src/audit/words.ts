/**
 * What a verification came to, in words.
 *
 * @module
 */
import type { LogReport, Trust, Verdict } from "@vram-residency/audit/log";

const RULES: Readonly<Record<string, string>> = {
  "too-large": "it is longer than any record",
  utf8: "it is not text",
  log: "it is of another log",
  seq: "it does not have the number that follows",
  prev: "it is not chained to the record before it",
  start: "the log does not begin here: records before it are missing",
  epoch: "it is of a process that did not open the log here",
  opening: "it does not carry on what lies before it",
  key: "the signing key is not the one that it should be",
  "unknown-key": "it was written under a root, or for a log, that no --mac-key is of",
  mac: "its MAC is wrong",
  torn: "a part of a line is followed by another file",
  segment: "the file does not begin with the record that it should",
  recovery: "the file was not cut where the record after it says",
  root: "the records are not those that were signed",
  checkpoint: "a checkpoint cannot be read",
  "checkpoint-order": "the checkpoints are not in order",
  "checkpoint-signature": "a checkpoint's signature is wrong",
  checkpoints: "the newest checkpoint is not in the list of all of them",
  against: "the checkpoint that was kept elsewhere is of other records",
};

/** Why a place is bad. */
export function ruleText(rule: string): string {
  return RULES[rule] ?? "it is not as a record is written";
}

const VERDICTS: { readonly [Name in Verdict]: string } = {
  sound: "sound: the records are those that were signed, all of them and in their order",
  tampered: "TAMPERED: what stands here is not what was written",
  truncated: "TRUNCATED: a checkpoint vouches for more records than are here",
  "unsigned-tail-old":
    "UNSIGNED for too long: it is sound, but its last records should have been signed by now",
  "not-sealed": "NOT SEALED: no checkpoint vouches for any record here",
};

/** A verdict in a sentence. */
export function verdictText({ verdict, records }: LogReport): string {
  if (verdict === "not-sealed" && records === 0) return "NOT SEALED: there is no record here";
  return VERDICTS[verdict];
}

const TRUSTS: { readonly [Name in Trust]: string } = {
  "self-asserted":
    "the key is the log's own word. This shows that nothing broke, not that nobody rewrote it: give --public-key, kept elsewhere",
  pinned:
    "it was signed under the key that you gave. That the whole directory was not put back to an earlier state, only --against shows",
  anchored: "it holds the checkpoint that was kept elsewhere",
};

/** What a verdict rests on, and what it does not show. */
export function trustText({ trust }: LogReport, pinned: boolean): string {
  // A checkpoint fixes what lies before it and nothing behind.
  const behind = pinned
    ? ", and was signed under the key that you gave"
    : "; what was written after that has the log's own word only: give --public-key, kept elsewhere";
  return trust === "anchored" ? `${TRUSTS.anchored}${behind}` : TRUSTS[trust];
}
