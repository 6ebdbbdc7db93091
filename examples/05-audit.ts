/** Events are checked and frozen; a sink of your own records them (audit). */
import { auditEvent, MemorySink, printable } from "@vram-residency/audit";
import { fakeClock, seededRandom } from "@vram-residency/testing";
import { type AuditEvent, type AuditReceipt, type AuditSink, isVramError } from "@vram-residency/types";

/** Counts what it passes on. A sink has a state, settles when the record is safe, and can be closed. */
class CountingSink implements AuditSink {
  readonly counts = new Map<string, number>();
  readonly #inner: AuditSink;

  constructor(inner: AuditSink) {
    this.#inner = inner;
  }

  get state(): AuditSink["state"] {
    return this.#inner.state;
  }

  async append(event: AuditEvent): Promise<AuditReceipt> {
    const receipt = await this.#inner.append(event);
    this.counts.set(event.severity, (this.counts.get(event.severity) ?? 0) + 1);
    return receipt;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#inner[Symbol.asyncDispose]();
  }
}

const memory = new MemorySink({ clock: fakeClock(), random: seededRandom(1) });
const sink = new CountingSink(memory);
await sink.append(auditEvent("PolicyChanged", { from: "default", to: "strict" }));
await sink.append(auditEvent("AuditUnavailable", { reason: "disk full" }));
for (const { seq, time, severity, type, data } of memory.records()) {
  console.log(seq, time, severity.padEnd(8), type, JSON.stringify(data));
}
console.log("counted:", JSON.stringify([...sink.counts]));

// Text from outside could forge a line of a log; what was made printable cannot.
console.log(printable("name\n999 critical VramLost"));
try {
  auditEvent("PolicyChanged", { from: "a\u001b[2J", to: "b" });
} catch (error) {
  if (isVramError(error)) console.log(error.code);
}
await sink[Symbol.asyncDispose]();
console.log("then:", sink.state);
