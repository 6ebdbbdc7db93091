/**
 * What the demo plays on: a model on disk, an allocator whose memory can be damaged, a manager and its log.
 *
 * @module
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  JsonlSink,
  MemorySink,
  MockAllocator,
  nodeDigester,
  nodeFileSystem,
  openVram,
  planModel,
  type ResidencyPlan,
  systemClock,
  systemRandom,
  systemTimers,
  type VramManager,
} from "vram-residency";
import { type MockControl, mockControl } from "vram-residency/testing";
import { writeDemoModel } from "./model-writer.ts";
import type { DemoOptions } from "./options.ts";
import { type TappedRecord, tapRecords } from "./record-tap.ts";
import type { Setting } from "./story.ts";

/** Everything the acts need. */
export interface Stage extends AsyncDisposable {
  readonly setting: Setting;
  readonly plan: ResidencyPlan;
  readonly manager: VramManager;
  /** Reaches into the mock's memory, as no port allows. */
  readonly control: MockControl;
  /** Every act that went into the log, as it grows. */
  readonly records: readonly TappedRecord[];
  /** Where the log is, for people. */
  readonly log: string;
}

const CAPACITY_MIN_BYTES = 24 * 1024 * 1024;

/**
 * Sets the stage; disposing it closes the manager and removes what was written, unless `--state` asked to keep it.
 *
 * @throws {@link VramError} as `openVram` and `planModel` do.
 */
export async function setStage(options: DemoOptions): Promise<Stage> {
  await using stack = new AsyncDisposableStack();
  // Fails with the remedy when CUDA was asked for by name; "auto" names the mock, and the demo says so.
  if (options.backend === "cuda") stack.use(await openVram({ backend: "cuda", audit: "memory" }));
  const directory = await stateDirectory(options, stack);
  const path = options.model ?? join(directory, "model");
  if (options.model === undefined) await writeDemoModel(path);
  const plan = await planModel(path, { fileSystem: nodeFileSystem });

  const allocator = new MockAllocator({
    capacityBytes: Math.max(CAPACITY_MIN_BYTES, Math.ceil(plan.bytes * 1.5)),
    digester: nodeDigester,
    timers: systemTimers,
    random: systemRandom,
  });
  stack.use(allocator);
  const ports = {
    clock: systemClock,
    timers: systemTimers,
    random: systemRandom,
    fileSystem: nodeFileSystem,
  };
  const sink =
    options.state === undefined
      ? new MemorySink(ports)
      : await JsonlSink.open({ ...ports, directory: join(directory, "audit") });
  const tap = stack.use(tapRecords(sink));
  const manager = stack.use(await openVram({ backend: "mock", allocator, audit: tap }));

  const reason =
    options.backend === "auto"
      ? "no CUDA device answered, so ordinary host memory stands in for a GPU"
      : "ordinary host memory stands in for a GPU";
  const kept = stack.move();
  return {
    setting: {
      backend: "mock",
      backendReason: `${reason}. Nothing below is evidence about a real one.`,
      model: options.model ?? "written for this demo, deterministic weights",
      files: plan.model.files.length,
      tensors: plan.model.tensorCount,
      bytes: plan.bytes,
    },
    plan,
    manager,
    control: mockControl(allocator),
    records: tap.records,
    log: sink instanceof JsonlSink ? sink.path : "kept in memory; give --state DIR to keep it on disk",
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

async function stateDirectory(options: DemoOptions, stack: AsyncDisposableStack): Promise<string> {
  if (options.state !== undefined) return options.state;
  const directory = await mkdtemp(join(tmpdir(), "vramr-demo-"));
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  return directory;
}
