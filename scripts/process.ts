/**
 * Child processes. The Bun that runs the script runs its children too, whatever PATH holds.
 *
 * @module
 */
import { existsSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import { delimiter, join } from "node:path";
import { ROOT } from "./project.ts";

/** How a child ended. */
export interface Finished {
  /** Exit status; 128 + n when signal n ended it. */
  readonly code: number;
  /** Standard output, then standard error. */
  readonly output: string;
  readonly timedOut: boolean;
  /** Unit: ms. */
  readonly durationMs: number;
}

/** Options of {@link run}. */
export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Let the child write to our own streams as it goes; `output` is then empty. */
  readonly inherit?: boolean;
  /** Kill the child after this long. Unit: ms. Default: 10 minutes. */
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 10 * 60_000;

/** Runs one child to its end. Never throws for a failing child: a program that cannot be started has code 127. */
export async function run(command: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const started = performance.now();
  const stream = options.inherit ? "inherit" : "pipe";
  const timeout = options.timeoutMs ?? TIMEOUT_MS;
  try {
    const child = Bun.spawn([...command], {
      cwd: options.cwd ?? ROOT,
      env: { ...process.env, ...options.env },
      stdin: "ignore",
      stdout: stream,
      stderr: stream,
      timeout,
      killSignal: "SIGKILL",
    });
    const [out, err, code] = await Promise.all([textOf(child.stdout), textOf(child.stderr), child.exited]);
    const durationMs = performance.now() - started;
    return { code, output: out + err, timedOut: code !== 0 && durationMs >= timeout, durationMs };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return {
      code: 127,
      output: `cannot start ${command[0]}: ${reason}\n`,
      timedOut: false,
      durationMs: performance.now() - started,
    };
  }
}

function textOf(stream: ReadableStream<Uint8Array> | undefined): Promise<string> {
  return stream === undefined ? Promise.resolve("") : new Response(stream).text();
}

/**
 * Names a command of the repository's own development dependencies, run by this Bun rather than by whatever Node there is.
 *
 * @param path - Its script below `node_modules`, for example "oxlint/bin/oxlint".
 */
export function tool(path: string, ...args: readonly string[]): readonly string[] {
  return [process.execPath, join(ROOT, "node_modules", path), ...args];
}

/**
 * An environment in which `bun` means the Bun that runs this script.
 *
 * Turborepo starts package scripts with the `bun` it finds on PATH, which may be missing or another version.
 */
export function bunOnPath(): Readonly<Record<string, string>> {
  const folder = join(ROOT, "out", "bin", String(process.pid));
  if (!existsSync(folder)) {
    mkdirSync(folder, { recursive: true });
    symlinkSync(process.execPath, join(folder, "bun"));
    process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  }
  return { PATH: `${folder}${delimiter}${process.env["PATH"] ?? ""}` };
}
