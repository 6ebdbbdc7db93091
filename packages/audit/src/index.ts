export type { AuditEventData, LoggedMismatch, LoggedReason, ShardFacts } from "./catalogue.ts";
export { severityOf } from "./catalogue.ts";
export { auditEvent } from "./event.ts";
export type { JsonlSinkOptions } from "./jsonl-sink.ts";
export { JsonlSink } from "./jsonl-sink.ts";
export type { MemorySinkOptions } from "./memory-sink.ts";
export { MemorySink } from "./memory-sink.ts";
export type { AuditRecord } from "./record.ts";
export { isPrintable, printable, TEXT_LENGTH_MAX } from "./text.ts";
