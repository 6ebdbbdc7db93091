/** What one check found. */
export interface Finding {
  readonly check: string;
  /** A note is worth reading and stops nothing; what is missing stops the backends of `stops`. */
  readonly state: "ok" | "note" | "missing";
  readonly found: string;
  readonly remedy?: string;
  /** Backends that cannot work because of it. */
  readonly stops: readonly ("mock" | "cuda")[];
}
