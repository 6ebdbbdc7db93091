export {
  MAX_MODEL_BYTES_DEFAULT,
  parseConfig,
  STAGING_BYTES_DEFAULT,
  WORKER_API_TOKEN_BYTES_MAX,
  WORKER_API_TOKEN_BYTES_MIN,
} from "./config.ts";
export type { ShardGroup } from "./group.ts";
export { GROUP_MEMBERS_MAX, parseGroup } from "./group.ts";
export type { ModelRef, ModelSizeLimits } from "./model.ts";
export { MODEL_REF_BYTES_MAX, parseModelRef, parseModelSize } from "./model.ts";
export type {
  AuditAnchor,
  AuditChoice,
  AuditDirectory,
  AuditKeyProvider,
  ParsedMockOptions,
  ParsedOpenOptions,
} from "./open.ts";
export { MOCK_DEVICES_MAX, parseMockOptions, parseOpenOptions } from "./open.ts";
export type { OperationOptions, ParsedSealOptions, ParsedVerifyOptions } from "./operations.ts";
export { parseSealOptions, parseVerifyOptions } from "./operations.ts";
export { PATH_BYTES_MAX, TIMER_MS_MAX } from "./primitives.ts";
export { parseByteSource } from "./source.ts";
export { assertTensorsFit, TENSOR_DIMENSIONS_MAX, TENSOR_NAME_BYTES_MAX, TENSORS_MAX } from "./tensors.ts";
