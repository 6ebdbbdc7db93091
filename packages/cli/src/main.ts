#!/usr/bin/env bun
import { EXIT } from "./exit-code.ts";
import { run } from "./program.ts";
import { processTerminal } from "./terminal.ts";

const interrupted = new AbortController();
// `bun run` passes an interrupt on that the terminal has already sent: aborting twice is once.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => interrupted.abort());
// A reader that went away (`vramr demo | head`) ends the program without noise.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    interrupted.abort();
  });
}

// Set, not exited with: a pipe would lose what is still buffered.
const code = await run(process.argv.slice(2), processTerminal(interrupted.signal));
process.exitCode = interrupted.signal.aborted && code !== EXIT.ok ? EXIT.interrupted : code;
