export { VramManager } from "./manager.ts";
export type {
  Capacity,
  DeviceState,
  DeviceStatus,
  GroupPlace,
  ManagerParts,
  SealOptions,
  ShardState,
  ShardStatus,
  VerifyOptions,
  VerifyReport,
} from "./options.ts";
