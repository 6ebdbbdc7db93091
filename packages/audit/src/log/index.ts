export type { Checkpoint, CheckpointKey, TreeHead } from "./checkpoint.ts";
export {
  CHECKPOINT_BYTES_MAX,
  checkpointHolds,
  encodeCheckpointKey,
  parseCheckpoint,
  parseCheckpointKey,
  signCheckpoint,
} from "./checkpoint.ts";
export type { AuditMacKey, AuditVerifySecret, CheckpointSeed } from "./keys.ts";
export {
  AuditRoot,
  auditKeyId,
  deriveCheckpointSeed,
  deriveMacKey,
  deriveVerifySecret,
  exportVerifySecret,
  importVerifySecret,
  unwrapMacKey,
  wrapMacKey,
} from "./keys.ts";
export type { AuditLine, LogHashes } from "./line.ts";
export { LINE_BYTES_MAX, LINES_PER_KEY, NO_PREVIOUS, PORTABLE_HASHES, parseLine } from "./line.ts";
export type { Opening } from "./opening.ts";
export { logOpened, segmentName, segmentOpened } from "./opening.ts";
export type { BadPlace, LogReport, Trust, Verdict } from "./report.ts";
export { VERDICT_EXIT } from "./report.ts";
export type { Chunks, LogSegment, LogSource, VerifyOptions } from "./verify.ts";
export { verifyLog } from "./verify.ts";
export type { ClockReading, WriterStart, WrittenLine } from "./writer-state.ts";
export { LogWriterState } from "./writer-state.ts";
