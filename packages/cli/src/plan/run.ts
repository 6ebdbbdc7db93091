import { type DeviceFit, fitPlan, planModel } from "@vram-residency/loader";
import { nodeFileSystem } from "@vram-residency/types/node";
import { EXIT } from "../exit-code.ts";
import { modelText } from "../inspect/run.ts";
import { parseSize } from "../size.ts";
import { paint, printDocument, type Terminal } from "../terminal.ts";
import { size, table } from "../text.ts";

/** What `vramr plan` was asked to do. */
export interface PlanCommandOptions {
  /** One for each device. None: one device of unknown size. */
  readonly capacity: readonly string[];
  readonly granularity: string;
  readonly leaves: boolean;
  readonly json?: boolean;
}

/**
 * Runs `vramr plan`.
 *
 * @returns The exit code: 5 when a device is too small.
 * @throws {@link VramError} `ERR_INPUT_INVALID` for a size that is none, and as `planModel` does.
 */
export async function runPlan(
  path: string,
  options: PlanCommandOptions,
  terminal: Terminal,
): Promise<number> {
  const granularityBytes = parseSize(options.granularity, "--granularity");
  const capacities = options.capacity.map((text) => parseSize(text, "--capacity"));
  const known = capacities.length > 0;
  const rooms = (known ? capacities : [Number.MAX_SAFE_INTEGER]).map((availableBytes, gpuDevice) => {
    return { gpuDevice, availableBytes, granularityBytes };
  });
  const devices = rooms.map(({ gpuDevice }) => gpuDevice);
  const plan = await planModel(path, { fileSystem: nodeFileSystem, devices });
  const fits = fitPlan(plan, rooms, { storeLeaves: options.leaves });
  const ok = fits.every((fit) => fit.fits);

  if (options.json) {
    const rows = fits.map((fit) => (known ? fit : { ...fit, availableBytes: null, fits: null }));
    const { bytes } = plan;
    const shards = plan.shards.map((shard) => {
      return { shardId: shard.shardId, path: shard.path, bytes: shard.bytes, gpuDevice: shard.gpuDevice };
    });
    printDocument(terminal, "plan", "Plan", {
      fits: known ? ok : null,
      bytes,
      granularityBytes,
      devices: rows,
      shards,
    });
  } else {
    terminal.out(`${modelText(plan.model)}\n\n`);
    printDevices(fits, known, terminal);
  }
  if (!known) terminal.note("vramr: no --capacity given, so nothing is said about fitting\n");
  return ok ? EXIT.ok : EXIT.insufficient;
}

function printDevices(fits: readonly DeviceFit[], known: boolean, terminal: Terminal): void {
  const columns = ["device", "shards", "weights", "leaves", "needed", "available"].map((title) => {
    return { title, align: "right" } as const;
  });
  const rows = fits.map((fit) => [
    String(fit.gpuDevice),
    String(fit.shards),
    size(fit.shardBytes),
    size(fit.leavesBytes),
    size(fit.neededBytes),
    known ? size(fit.availableBytes) : "unknown",
  ]);
  for (const line of table(columns, rows, terminal.columns)) terminal.out(`${line}\n`);
  if (!known) return;
  terminal.out("\n");
  for (const { gpuDevice, neededBytes, availableBytes, fits: ok } of fits) {
    const spare = availableBytes - neededBytes;
    const verdict = ok
      ? `device ${gpuDevice} fits: ${spare} bytes to spare`
      : `device ${gpuDevice} is ${-spare} bytes too small`;
    terminal.out(`${paint(terminal, ok ? "good" : "bad", verdict)}\n`);
  }
}
