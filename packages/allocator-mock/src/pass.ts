import type { DigestAlgorithm, DigestReport, HexDigest } from "@vram-residency/types";

/** A range that was checked. Unit: bytes. */
export interface DigestRange {
  readonly offset: number;
  readonly bytes: number;
}

/** What a pass over an allocation found, kept only so that a `stale-digest` fault has something to tell. */
export interface Pass {
  /** Algorithm and range. */
  readonly subject: string;
  readonly digest: HexDigest;
  readonly salted?: HexDigest;
  readonly level1?: Uint8Array;
}

/** Notes what a pass found. */
export function passOf(algorithm: DigestAlgorithm, range: DigestRange, found: Omit<Pass, "subject">): Pass {
  const { digest, salted, level1 } = found;
  return {
    subject: subjectOf(algorithm, range),
    digest,
    ...(salted === undefined ? {} : { salted }),
    ...(level1 === undefined ? {} : { level1 }),
  };
}

/** A fresh report in which the last pass's answers stand, as a device would give that hashes nothing again. */
export function staleReport(
  report: DigestReport,
  algorithm: DigestAlgorithm,
  range: DigestRange,
  last: Pass | undefined,
): DigestReport {
  if (last?.subject !== subjectOf(algorithm, range)) return report;
  return {
    ...report,
    digest: last.digest,
    ...(report.salted !== undefined && last.salted !== undefined ? { salted: last.salted } : {}),
    ...(report.level1 !== undefined && last.level1 !== undefined ? { level1: last.level1 } : {}),
  };
}

function subjectOf(algorithm: DigestAlgorithm, { offset, bytes }: DigestRange): string {
  return `${algorithm} ${offset} ${bytes}`;
}
