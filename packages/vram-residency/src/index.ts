/**
 * Sealed, verifiable model weights in GPU memory: everything in one place, and `openVram()` that wires the defaults.
 *
 * Importing this module loads no native code.
 *
 * @module
 */
export type { MockOptions } from "@vram-residency/allocator-mock";
export { MockAllocator } from "@vram-residency/allocator-mock";
export type { AuditRecord } from "@vram-residency/audit";
export { auditEvent, JsonlSink, MemorySink, printable } from "@vram-residency/audit";
export type { AuditLogOptions, CheckpointAnchor, OpenedReport } from "@vram-residency/audit/file";
export { AuditLog, openLogSource } from "@vram-residency/audit/file";
export type { LogReport } from "@vram-residency/audit/log";
export { AuditRoot, parseCheckpointKey, verifyLog } from "@vram-residency/audit/log";
export { computeDigest, digestStream } from "@vram-residency/crypto";
export { nodeDigester, nodeEd25519 } from "@vram-residency/crypto/node";
export type { Model, ModelFile } from "@vram-residency/formats";
export { openModel } from "@vram-residency/formats";
export type {
  DeviceFit,
  DeviceRoom,
  FitOptions,
  LoadedModel,
  LoadOptions,
  LoadProgress,
  PlannedShard,
  ResidencyPlan,
} from "@vram-residency/loader";
export { fitPlan, loadModel, planModel } from "@vram-residency/loader";
export type {
  Capacity,
  DeviceStatus,
  ManagerParts,
  SealOptions,
  ShardStatus,
  VerifyOptions,
  VerifyReport,
} from "@vram-residency/manager";
export { VramManager } from "@vram-residency/manager";
export type { Decision, Policy, PolicyFacts, PolicyProfile } from "@vram-residency/policy";
export { createPolicy, evaluatePolicy, policyDigest } from "@vram-residency/policy";
export type { KeyFile, KeyPurpose, KeyRing, SealKey } from "@vram-residency/seal";
export {
  computeSignature,
  deriveSealKey,
  fileKeys,
  formatKeyFile,
  keyId,
  RootSecret,
  randomKeys,
  readKeyFile,
  staticKeys,
  tokenKeys,
  verifySignature,
} from "@vram-residency/seal";
export type {
  Allocator,
  AnyVramError,
  AuditEvent,
  AuditSink,
  ByteSource,
  Clock,
  ErrorCode,
  KeyProvider,
  Mismatch,
  Progress,
  ResidencyEvidence,
  SealBody,
  SealedShard,
  TensorRange,
  VramConfig,
} from "@vram-residency/types";
export { hasCode, isVramError, VramError } from "@vram-residency/types";
export {
  nodeDirLock,
  nodeFileSystem,
  systemClock,
  systemRandom,
  systemTimers,
} from "@vram-residency/types/node";
export type { AuditDirectory, AuditKeyProvider } from "@vram-residency/validation";
export { parseConfig } from "@vram-residency/validation";
export type { OpenAuditLogOptions } from "./audit-log.ts";
export { auditKeyPath, openAuditLog } from "./audit-log.ts";
export { fileAnchor } from "./file-anchor.ts";
export type { OpenVramOptions } from "./open.ts";
export { openVram } from "./open.ts";
