import type { DigestAlgorithm } from "@vram-residency/types";

/** What `vramr digest` was asked to do. */
export interface DigestCommandOptions {
  /** Default: sha256; with `check`, what each line says, else sha256. */
  readonly algorithm?: DigestAlgorithm;
  /** A file of checksums; `-` is standard input. */
  readonly check?: string;
  readonly quiet?: boolean;
  readonly json?: boolean;
  /** `-` is standard input. */
  readonly files: readonly string[];
}
