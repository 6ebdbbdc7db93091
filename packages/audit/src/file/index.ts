export { AuditLog } from "./log.ts";
export type { AuditLogOptions, CheckpointAnchor } from "./options.ts";
export type { OpenedReport } from "./report.ts";
export { openLogSource } from "./source.ts";
