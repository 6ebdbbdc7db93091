import { assertPort, toHex } from "@vram-residency/crypto";
import type { AuditEvent, Clock, Random } from "@vram-residency/types";

/** One recorded event. Field order is the order in the file. */
export interface AuditRecord extends AuditEvent {
  /** Shape: 32 hexadecimal digits. */
  readonly log: string;
  /** Position, without gaps, from 0. */
  readonly seq: number;
  /** The writing process. Shape: 32 hexadecimal digits. */
  readonly epoch: string;
  /** RFC 3339, ms. */
  readonly time: string;
  /** Unit: ns, decimal. */
  readonly mono: string;
}

/** Numbers events: gives each the log's id, the next position and the time. */
export class Recorder {
  readonly log: string;
  readonly #epoch: string;
  readonly #clock: Clock;
  #next = 0;

  /** @throws `ERR_INPUT_INVALID` for a clock or a random source that is none. */
  constructor(clock: Clock, random: Random) {
    assertPort(clock, "clock", "wall", "mono");
    assertPort(random, "random", "bytes");
    this.#clock = clock;
    this.log = toHex(random.bytes(16));
    this.#epoch = toHex(random.bytes(16));
  }

  /** How many events have been numbered. */
  get count(): number {
    return this.#next;
  }

  number(event: AuditEvent): AuditRecord {
    const { type, severity, data } = event;
    return Object.freeze({
      log: this.log,
      seq: this.#next++,
      epoch: this.#epoch,
      time: new Date(this.#clock.wall()).toISOString(),
      mono: String(this.#clock.mono()),
      type,
      severity,
      data,
    });
  }
}
