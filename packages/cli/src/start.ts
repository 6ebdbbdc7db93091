import { printable } from "@vram-residency/audit";
import { EXIT } from "./exit-code.ts";
import { run } from "./program.ts";
import { processTerminal } from "./terminal.ts";

/**
 * Runs one command as a process: interrupts, readers that go away, and the exit code.
 *
 * @param args - Without the program's name.
 */
export async function start(args: readonly string[]): Promise<void> {
  const interrupted = new AbortController();
  // `bun run` passes an interrupt on that the terminal has already sent: aborting twice is once.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => interrupted.abort());
  // A reader that went away (`vramr demo | head`) ends the program without noise; a disk that is full does not.
  let deserted = false;
  let unwritten: string | undefined;
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", ({ code = "unknown" }: NodeJS.ErrnoException) => {
      deserted = true;
      if (code !== "EPIPE") unwritten ??= code;
      interrupted.abort();
    });
  }

  const terminal = processTerminal(interrupted.signal);
  const code = await run(args, {
    ...terminal,
    note: (text) => {
      if (!deserted) terminal.note(text);
    },
  });
  // A failed write is told of at the next turn, which may be after the last one.
  await new Promise((resolve) => setImmediate(resolve));
  if (unwritten !== undefined) {
    const words = `vramr: the output cannot be written (${printable(unwritten)}): free some space, or write elsewhere\n`;
    process.stderr.write(words, () => process.exit(EXIT.environment));
  } else if (interrupted.signal.aborted && code !== EXIT.ok) {
    // Left at once, since a read that was given up may be waiting for a pipe that nobody writes to.
    process.stderr.write("", () => process.exit(EXIT.interrupted));
  } else {
    // Set, not exited with: a pipe would lose what is still buffered.
    process.exitCode = code;
  }
}
