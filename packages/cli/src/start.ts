import { EXIT } from "./exit-code.ts";
import { run } from "./program.ts";
import { systemReason } from "./report.ts";
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
  // A reader that went away (`vramr demo | head`) ends the program without noise.
  let deserted = false;
  let unwritten = false;
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE" && !unwritten) {
        // Not an answer that was given, and none that can be: `vramr audit verify DIR > /dev/full`.
        unwritten = true;
        process.exitCode = EXIT.environment;
        if (stream === process.stdout) process.stderr.write(`vramr: the output: ${systemReason(error)}\n`);
      }
      deserted = true;
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
  if (unwritten || (interrupted.signal.aborted && code !== EXIT.ok)) {
    // Left at once, since a read that was given up may be waiting for a pipe that nobody writes to.
    process.stderr.write("", () => process.exit(unwritten ? EXIT.environment : EXIT.interrupted));
  } else {
    // Set, not exited with: a pipe would lose what is still buffered.
    process.exitCode = code;
  }
}
