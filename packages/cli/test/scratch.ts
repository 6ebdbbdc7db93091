import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../src/program.ts";
import { type FakeTerminal, fakeTerminal } from "./terminal.ts";

/** A directory of a test file's own, and how to remove it. */
export async function scratchDirectory(): Promise<{ readonly path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), "vramr-test-"));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/** What one command said. */
export interface Said {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs one command in this process. */
export async function vramr(args: readonly string[], terminal: FakeTerminal = fakeTerminal()): Promise<Said> {
  const code = await run(args, terminal);
  return { code, out: terminal.stdout(), err: terminal.stderr() };
}

/** The program's own command line, from source. */
export const COMMAND: readonly string[] = [
  process.execPath,
  "--conditions=vram-residency-source",
  join(import.meta.dir, "..", "src", "main.ts"),
];

/** A safetensors file: a header, padded to a multiple of eight, and data. */
export function safetensors(header: object, dataBytes: number): Uint8Array {
  const json = JSON.stringify(header);
  const text = new TextEncoder().encode(json.padEnd(Math.ceil(json.length / 8) * 8));
  const bytes = new Uint8Array(8 + text.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  return bytes;
}

/** A GGUF file of 128 bytes with one tensor, `blk.0`, two times four F32 from byte 96. */
export const GGUF: Uint8Array = (() => {
  const file = new Uint8Array(128);
  const view = new DataView(file.buffer);
  file.set(new TextEncoder().encode("GGUF"));
  view.setUint32(4, 3, true);
  view.setBigUint64(8, 1n, true);
  view.setBigUint64(24, 5n, true);
  file.set(new TextEncoder().encode("blk.0"), 32);
  view.setUint32(37, 2, true);
  view.setBigUint64(41, 4n, true);
  view.setBigUint64(49, 2n, true);
  return file;
})();
