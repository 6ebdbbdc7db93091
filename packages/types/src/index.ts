export type {
  AllocateOptions,
  AllocationId,
  Allocator,
  DigestOptions,
  DigestReport,
  IngestOptions,
  IngestReport,
  WipeReport,
} from "./allocator.ts";
export { BLOCK_TRANSFER_BYTES_MAX } from "./allocator.ts";
export type { AuditEvent, AuditEventType, AuditReceipt, AuditSeverity, AuditSink } from "./audit.ts";
export { AUDIT_EVENT_TYPES } from "./audit.ts";
export type { Brand } from "./brand.ts";
export type { VramConfig } from "./config.ts";
export type { DigestAlgorithm, Digester, HashStream, ResidencyAlgorithm } from "./digest.ts";
export type {
  AnyVramError,
  ErrorClass,
  ErrorCode,
  ErrorDetails,
  Mismatch,
  PolicyReason,
  SealRefusal,
} from "./error.ts";
export { ERROR_CODES, hasCode, invariant, isVramError, VramError } from "./error.ts";
export type {
  Access,
  Backend,
  DeviceCapacity,
  DeviceFacts,
  Known,
  Observations,
  ResidencyEvidence,
  StableEvidence,
} from "./facts.ts";
export type { JsonObject, JsonValue } from "./json.ts";
export type {
  Clock,
  DirLock,
  FileHandle,
  FileStat,
  FileSystem,
  KeyProvider,
  KeyState,
  OpenOptions,
  Random,
  SealRoot,
  Timers,
} from "./ports.ts";
export type { ModelClaim, Progress, SealBody, SealEnvelope, SealedShard, TensorRange } from "./shard.ts";
export type { ByteSource, OpenedSource, SizedStream } from "./source.ts";
export type { ByteCount, DeviceIndex, HexDigest, ShardId } from "./units.ts";
export { byteCount, DEVICE_INDEX_MAX, deviceIndex, hexDigest, SHARD_ID_BYTES_MAX, shardId } from "./units.ts";
