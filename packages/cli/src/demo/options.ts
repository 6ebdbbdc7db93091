import { refuseArgument as refuse } from "../report.ts";

/** One bit of one shard. */
export interface Flip {
  /** The shard's place in the model, from 0, or its id. */
  readonly shard: string;
  /** Unit: bytes from the start of the shard. */
  readonly byte: number;
  readonly bit: number;
}

/** What `vramr demo` was asked to do. */
export interface DemoOptions {
  readonly model?: string;
  readonly backend: "auto" | "mock" | "cuda";
  readonly state?: string;
  readonly flip?: Flip;
  readonly json: boolean;
}

/**
 * Parses `SHARD:BYTE:BIT`.
 *
 * @throws {@link VramError} `ERR_INPUT_INVALID`.
 */
export function parseFlip(text: string): Flip {
  const [shard, byte, bit, ...rest] = text.split(":");
  if (
    shard === undefined ||
    byte === undefined ||
    bit === undefined ||
    rest.length > 0 ||
    !/^[A-Za-z0-9_-]+$/.test(shard)
  ) {
    refuse("--flip", "expected SHARD:BYTE:BIT, such as 1:123456:3");
  }
  if (!/^\d{1,16}$/.test(byte) || !Number.isSafeInteger(Number(byte)))
    refuse("--flip", "BYTE is not a whole number");
  if (!/^[0-7]$/.test(bit)) refuse("--flip", "BIT is not 0 to 7");
  return { shard, byte: Number(byte), bit: Number(bit) };
}

/** Parses `--backend`. @throws {@link VramError} `ERR_INPUT_INVALID`. */
export function parseBackend(text: string): DemoOptions["backend"] {
  if (text === "auto" || text === "mock" || text === "cuda") return text;
  return refuse("--backend", "expected auto, mock or cuda");
}
