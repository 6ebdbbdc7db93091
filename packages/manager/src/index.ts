export { footprint, leavesRoom, placement } from "./footprint.ts";
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
