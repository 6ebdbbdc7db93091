import type { AuditEvent, AuditSink } from "vram-residency";

/** One line of the record, for people. */
export interface TappedRecord {
  readonly seq: number;
  readonly type: AuditEvent["type"];
  readonly severity: AuditEvent["severity"];
  readonly shardId?: string;
}

/** A sink that remembers what went through it to another. */
export interface RecordTap extends AuditSink {
  readonly records: readonly TappedRecord[];
}

/** Puts a tap before a sink. Disposing the tap disposes the sink. */
export function tapRecords(sink: AuditSink): RecordTap {
  const records: TappedRecord[] = [];
  return {
    records,
    get state() {
      return sink.state;
    },
    async append(event) {
      const receipt = await sink.append(event);
      const { shardId } = event.data;
      records.push({
        seq: receipt.seq,
        type: event.type,
        severity: event.severity,
        ...(typeof shardId === "string" ? { shardId } : {}),
      });
      return receipt;
    },
    async [Symbol.asyncDispose]() {
      await sink[Symbol.asyncDispose]();
    },
  };
}
