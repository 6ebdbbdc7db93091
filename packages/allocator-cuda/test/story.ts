/**
 * The main job over the fake driver: seal, verify, damage, repair, release, and the end. Every act is tried, whatever the ones
 * before it came to, so that a fault in the middle is met by everything that follows.
 *
 * @module
 */
import { VramManager } from "@vram-residency/manager";
import { staticKeys } from "@vram-residency/seal";
import { recordingSink, seededRandom } from "@vram-residency/testing";
import { deviceIndex, isVramError } from "@vram-residency/types";
import { nodeFileSystem, systemClock, systemRandom, systemTimers } from "@vram-residency/types/node";
import { driver, openFake } from "./fake-driver.ts";

/** What came of one act: "ok", or a code. */
export interface Outcome {
  readonly act: string;
  readonly code: string;
}

/** How the world was left. */
export interface Aftermath {
  readonly outcomes: readonly Outcome[];
  /** Types of what was recorded. */
  readonly records: readonly string[];
  /** Rounded size of what was still allocated before the end; undefined when the device would not say. Unit: bytes. */
  readonly oursBytes: number | undefined;
  /** What is alive in the driver after the end. */
  readonly alive: Readonly<Record<string, number>>;
  /** Bytes other than zero in what was given back. */
  readonly dirtyBytes: number;
}

const FIRST = deviceIndex(0);
const SETTINGS = `total_bytes=${64 << 20} foreign_bytes=0 context_bytes=0 poison_bytes=0`;
const CONTENT: Uint8Array = seededRandom(3).bytes(70_000);
const DAMAGED_AT = 30_000;

/** Opens the driver, tells the story, and looks at what is left. @param arm - Sets faults, before anything is called. */
export async function tell(profile: string, arm: () => void): Promise<Aftermath> {
  driver.reset(`profile=${profile} ${SETTINGS}`);
  arm();
  const outcomes: Outcome[] = [];
  const attempt = async <Result>(act: string, work: () => Promise<Result>): Promise<Result | undefined> => {
    try {
      const result = await work();
      outcomes.push({ act, code: "ok" });
      return result;
    } catch (error) {
      outcomes.push({ act, code: isVramError(error) ? error.code : `uncoded: ${String(error)}` });
      return undefined;
    }
  };
  const sink = recordingSink();
  const cuda = await attempt("open", () => openFake({ stagingBytes: 8 << 20 }));
  let oursBytes: number | undefined;
  if (cuda !== undefined) {
    const manager = await attempt("manage", () =>
      VramManager.open({
        allocator: cuda,
        keys: staticKeys([{ secret: seededRandom(1).bytes(32), state: "active" }]),
        policy: "development",
        audit: sink,
        clock: systemClock,
        timers: systemTimers,
        random: systemRandom,
        fileSystem: nodeFileSystem,
        config: { headroomBytes: 0 },
      }),
    );
    if (manager !== undefined) {
      await acts(manager, attempt);
      await attempt("close", () => manager.close());
    }
    oursBytes = await cuda.capacity(FIRST).then(
      ({ oursBytes: bytes }) => bytes,
      () => undefined,
    );
    await attempt("dispose", () => cuda[Symbol.asyncDispose]());
  }
  return {
    outcomes,
    records: sink.events.map(({ type }) => type),
    oursBytes,
    alive: driver.alive(),
    dirtyBytes: driver.dirtyBytes(),
  };
}

async function acts(
  manager: VramManager,
  attempt: <Result>(act: string, work: () => Promise<Result>) => Promise<Result | undefined>,
): Promise<void> {
  const sealed = await attempt("seal", () => manager.sealModel(CONTENT, { shardId: "a" }));
  if (sealed === undefined) return;
  await attempt("verify", () => manager.verifySealed(sealed));
  await attempt("damage", async () => {
    const { stable } = await manager.attestResidency(sealed);
    driver.flip(stable.blockId, DAMAGED_AT, 1);
  });
  await attempt("verify-damaged", () => manager.verifySealed(sealed));
  const live = (await attempt("repair", () => manager.repair(sealed, CONTENT))) ?? sealed;
  await attempt("verify-repaired", () => manager.verifySealed(live));
  await attempt("release", () => manager.release(live));
}
