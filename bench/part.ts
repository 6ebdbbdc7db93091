/**
 * What one part of the bench reports, and ratios that a busy machine does not bend.
 *
 * @module
 */
import { median, round } from "./machine.ts";

/** What a value is held to. */
export type Limit = { readonly atLeast: number } | { readonly atMost: number };

/** One thing that was measured, against its limit. */
export interface Part {
  readonly name: string;
  /** What `value` is, and of which unit. */
  readonly measures: string;
  /** Missing where what it needs is not installed. */
  readonly value?: number;
  /** Missing where the value is only reported. */
  readonly limit?: Limit;
  readonly ok: boolean;
  /** Everything else that is worth knowing, for reading only. */
  readonly detail: Readonly<Record<string, unknown>>;
}

/** Judges a value by its limit. */
export function part(
  name: string,
  measures: string,
  limit: Limit,
  value: number,
  detail: Part["detail"] = {},
): Part {
  const ok = "atLeast" in limit ? value >= limit.atLeast : value <= limit.atMost;
  return { name, measures, value: round(value), limit, ok, detail };
}

/** A part that cannot be measured here. It is no failure: nothing was found slow. */
export function skipped(name: string, measures: string, limit: Limit | undefined, missing: string): Part {
  return {
    name,
    measures,
    ...(limit === undefined ? {} : { limit }),
    ok: true,
    detail: { skipped: missing },
  };
}

/** A value that nothing is held to. */
export function reported(name: string, measures: string, value: number, detail: Part["detail"] = {}): Part {
  return { name, measures, value: round(value), ok: true, detail };
}

/** Costs of both sides in one interleaved pair after the other. Unit: whatever `run` gives. */
export interface Pairs {
  readonly ours: number;
  readonly theirs: number;
  /** Median over the pairs of theirs divided by ours: above 1, ours is faster. */
  readonly ratio: number;
}

/**
 * Runs both sides in turn, so that whatever else the machine does falls on both.
 *
 * @param pairs - Odd, so that the median is one that was measured. One more is run first, and not counted.
 */
export async function interleave(
  pairs: number,
  ours: () => number | Promise<number>,
  theirs: () => number | Promise<number>,
): Promise<Pairs> {
  const costs: { ours: number; theirs: number }[] = [];
  for (let index = 0; index <= pairs; index++) {
    const cost = { ours: await ours(), theirs: await theirs() };
    if (index > 0) costs.push(cost);
  }
  return {
    ours: round(median(costs.map((cost) => cost.ours))),
    theirs: round(median(costs.map((cost) => cost.theirs))),
    ratio: median(costs.map((cost) => cost.theirs / cost.ours)),
  };
}

/** Time on a processor that `work` took, all threads together. Waiting for one is not counted. Unit: ms. */
export async function processorMs(work: () => unknown): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/** Time on a processor of a whole program, which must succeed, and what it printed. */
export async function programMs(
  command: readonly string[],
): Promise<{ readonly cpuMs: number; readonly wallMs: number; readonly printed: string }> {
  const started = performance.now();
  const child = Bun.spawn([...command], { stdout: "pipe", stderr: "inherit", stdin: "ignore" });
  const printed = await new Response(child.stdout).text();
  const code = await child.exited;
  const wallMs = performance.now() - started;
  if (code !== 0) throw new Error(`${command[0] ?? ""} exited ${code}`);
  const spent = child.resourceUsage()?.cpuTime;
  return { cpuMs: Number(spent?.total ?? 0) / 1000, wallMs, printed };
}
