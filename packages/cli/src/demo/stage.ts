/**
 * What the demo plays on: a model on disk, an allocator whose memory can be damaged, a manager and its log.
 *
 * @module
 */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT_BYTES_MIN } from "@vram-residency/seal";
import {
  type AuditSink,
  hasCode,
  MemorySink,
  MockAllocator,
  nodeDigester,
  nodeFileSystem,
  openAuditLog,
  openVram,
  planModel,
  type ResidencyPlan,
  systemClock,
  systemRandom,
  systemTimers,
  type VramManager,
} from "vram-residency";
import { type MockControl, mockControl } from "vram-residency/testing";
import { makeKeyFile } from "../key/store.ts";
import { writeDemoModel } from "./model-writer.ts";
import type { DemoOptions } from "./options.ts";
import { type TappedRecord, tapRecords } from "./record-tap.ts";
import type { KeptLog, Setting } from "./story.ts";

/** Everything the acts need. */
export interface Stage extends AsyncDisposable {
  readonly setting: Setting;
  readonly plan: ResidencyPlan;
  readonly manager: VramManager;
  /** Reaches into the mock's memory, as no port allows. */
  readonly control: MockControl;
  /** Every act that went into the log, as it grows. */
  readonly records: readonly TappedRecord[];
  /** Where the log is, when it was to be kept. */
  readonly log?: KeptLog;
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
  const [sink, log] =
    options.state === undefined
      ? [new MemorySink({ clock: systemClock, random: systemRandom })]
      : await keepLog(options.state);
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
    ...(log ? { log } : {}),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** Opens the log in DIR/audit. What it is verified with lies in DIR/keys, as it would lie on another machine. */
async function keepLog(state: string): Promise<readonly [AuditSink, KeptLog]> {
  const [directory, keys] = [join(state, "audit"), join(state, "keys")];
  const [root, publicKey] = [join(keys, "audit.key"), join(keys, "log.pub")];
  await mkdir(keys, { recursive: true, mode: 0o700 });
  await makeRootOnce(root);
  const sink = await openAuditLog({ directory, keys: root });
  await writeFile(publicKey, `${sink.publicKey}\n`);
  return [sink, { directory, publicKey }];
}

async function makeRootOnce(path: string): Promise<void> {
  const file = {
    purpose: "audit",
    roots: [{ secret: systemRandom.bytes(ROOT_BYTES_MIN), state: "active" }],
  } as const;
  try {
    await makeKeyFile(nodeFileSystem, path, file);
  } catch (error) {
    // An earlier demo's: its log goes on.
    if (!hasCode(error, "ERR_INPUT_INVALID")) throw error;
  }
}

async function stateDirectory(options: DemoOptions, stack: AsyncDisposableStack): Promise<string> {
  if (options.state !== undefined) return options.state;
  const directory = await mkdtemp(join(tmpdir(), "vramr-demo-"));
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  return directory;
}
