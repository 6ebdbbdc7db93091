import { stat } from "node:fs/promises";
import type { Chunks, LogSegment, LogSource } from "@vram-residency/audit/log";
import { VramError } from "@vram-residency/types";
import { refuseArgument, systemReason } from "../report.ts";
import type { Terminal } from "../terminal.ts";
import { size } from "../text.ts";

/**
 * Makes sure that an argument names a directory.
 *
 * @throws {@link VramError} `ERR_INPUT_INVALID` for something else, `ERR_SOURCE` for what cannot be looked at.
 */
export async function requireDirectory(path: string): Promise<void> {
  const found = await stat(path).catch((cause: unknown) => {
    throw new VramError(
      "ERR_SOURCE",
      `DIR: ${systemReason(cause)}; name the log's directory`,
      { reason: "unreadable" },
      { cause },
    );
  });
  if (!found.isDirectory()) refuseArgument("DIR", "expected the log's directory, got a file");
}

/** A log that tells how far it was read, and ends with an interrupt. */
export function watched(source: LogSource, terminal: Terminal): LogSource {
  const { head, checkpoints } = source;
  return { segments: watchedSegments(source, terminal), checkpoints, ...(head ? { head } : {}) };
}

async function* watchedSegments(
  { segments }: LogSource,
  terminal: Terminal,
): AsyncGenerator<LogSegment, void> {
  let done = 0;
  async function* chunksOf(chunks: Chunks): AsyncGenerator<Uint8Array, void> {
    for await (const chunk of chunks) {
      throwIfInterrupted(terminal);
      yield chunk;
      done += chunk.length;
      terminal.status(`read ${size(done)}`);
    }
  }
  for await (const segment of segments) yield { ...segment, chunks: chunksOf(segment.chunks) };
}

/** @throws {@link VramError} `ERR_CANCELLED` after an interrupt. */
export function throwIfInterrupted({ signal }: Pick<Terminal, "signal">): void {
  if (signal.aborted) throw new VramError("ERR_CANCELLED", "interrupted", { stage: "reading the log" });
}
