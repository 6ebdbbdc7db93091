export type { OpenedReport } from "./log.ts";
export { AuditLog } from "./log.ts";
export type { AuditLogOptions, CheckpointAnchor } from "./options.ts";
export { openLogSource } from "./source.ts";
