import { afterAll, describe, expect, test } from "bun:test";
import { BUILT, driver } from "./fake-driver.ts";
import { type Aftermath, tell } from "./story.ts";

const INVALID_VALUE = 1;
const ILLEGAL_ADDRESS = 700;

/** How often these are called depends on how fast the device is: only their first calls can be met for certain. */
const WAITS: readonly string[] = ["cuEventQuery", "cuEventSynchronize"];

/** Not called again when they fail, since they may have done it all the same: what they end may stay. Device memory never. */
const GIVING_BACK = /^(cuStreamDestroy|cuEventDestroy|cuMemFreeHost|cuDevicePrimaryCtxRelease|nvmlShutdown)/;

/**
 * Evidence asks seven times for the same 29 attributes. Every sixth call meets each attribute, and each piece of evidence;
 * with VRAM_EVERY_CALL set, every call fails in turn, and those of a driver without virtual memory as well.
 */
const EVERY_CALL: boolean = process.env["VRAM_EVERY_CALL"] !== undefined;
const STRIDE = EVERY_CALL ? 1 : 6;
const SWEPT: readonly ("h200" | "no-vmm")[] = EVERY_CALL ? ["h200", "no-vmm"] : ["h200"];
const REPEATED = "cuPointerGetAttribute";

interface CleanRun {
  readonly after: Aftermath;
  /** How often each function is to fail: as often as it was called, and once where that depends on the device. */
  readonly calls: ReadonlyMap<string, number>;
  /** How often the device was waited for by its events, and how many copies there were to wait for. */
  readonly waits: number;
  readonly copies: number;
}

async function cleanRun(profile: string): Promise<CleanRun> {
  const after = await tell(profile, () => {});
  const calls = new Map<string, number>();
  let waits = 0;
  let copies = 0;
  for (let nth = 1; nth <= Math.min(driver.calls(), 65_536); nth += 1) {
    const name = driver.callName(nth);
    if (name === "cuEventSynchronize") waits += 1;
    if (name.startsWith("cuMemcpy")) copies += 1;
    calls.set(name, WAITS.includes(name) ? 1 : (calls.get(name) ?? 0) + 1);
  }
  return { after, calls, waits, copies };
}

const clean = BUILT
  ? { h200: await cleanRun("h200"), "no-vmm": await cleanRun("no-vmm") }
  : { h200: undefined, "no-vmm": undefined };

function callsOf(profile: "h200" | "no-vmm"): (readonly [profile: string, name: string, count: number])[] {
  return [...(clean[profile]?.calls ?? [])].map(([name, count]) => [profile, name, count] as const);
}

afterAll(() => {
  if (BUILT) driver.reset();
});

/** What is wrong with how a story with one fault ended, whichever call it was; nothing when all is well. */
function wrongs({ outcomes, records, oursBytes, alive, dirtyBytes }: Aftermath, failed: string): string[] {
  const codeOf = (act: string): string | undefined => outcomes.find((outcome) => outcome.act === act)?.code;
  const wrong = outcomes
    .filter(({ code }) => code === "ERR_BUG" || code.startsWith("uncoded"))
    .map(({ act, code }) => `${act}: ${code}`);
  const damaged = codeOf("damage") === "ok";
  if (damaged && codeOf("verify-damaged") === "ok") wrong.push("damage was vouched for");
  if (codeOf("seal") === "ok" && !records.includes("VramSealed")) wrong.push("a seal without a record");
  if (codeOf("release") === "ok" && (oursBytes ?? 0) !== 0)
    wrong.push(`${oursBytes} bytes were not given back`);
  if (dirtyBytes > 0) wrong.push(`${dirtyBytes} bytes were given back as they were`);
  if (Object.keys(alive).length > 0 && !GIVING_BACK.test(failed)) {
    wrong.push(`alive after the end: ${JSON.stringify(alive)}`);
  }
  return wrong;
}

/** Acts whose success says something of what lies on the device. Releasing a lost shard only forgets it. */
const VOUCHES = /^(seal|verify|repair)/;

const ONE_ACT = ["open", "manage", "seal", "verify", "damage", "verify-damaged", "repair", "verify-repaired"];

describe.skipIf(!BUILT)("the main job over the fake driver", () => {
  for (const [profile, run] of Object.entries(clean)) {
    test(`${profile}: goes as it should when nothing fails, and leaves nothing`, () => {
      const { outcomes, oursBytes, alive, dirtyBytes } = run?.after ?? ({} as Aftermath);

      expect(outcomes.filter(({ code }) => code !== "ok")).toEqual([
        { act: "verify-damaged", code: "ERR_INTEGRITY" },
      ]);
      expect(outcomes.map(({ act }) => act)).toEqual([...ONE_ACT, "release", "close", "dispose"]);
      expect({ oursBytes, alive, dirtyBytes }).toEqual({ oursBytes: 0, alive: {}, dirtyBytes: 0 });
    });

    test(`${profile}: the device is waited for once a copy at most, never in a loop`, () => {
      expect(run?.copies).toBeGreaterThan(0);
      expect(run?.waits).toBeLessThanOrEqual(run?.copies ?? 0);
    });
  }

  for (const [profile, name, count] of SWEPT.flatMap(callsOf)) {
    const step = name === REPEATED ? STRIDE : 1;
    test(`${profile}, ${name}: whichever of its calls fails, nothing leaks and nothing untrue is said`, async () => {
      const found: string[] = [];
      for (let nth = 1; nth <= count; nth += step) {
        const after = await tell(profile, () => driver.fail(nth, INVALID_VALUE, name));
        expect(`${name} ${nth}: ${driver.fired()} fired`).toBe(`${name} ${nth}: 1 fired`);
        found.push(...wrongs(after, name).map((wrong) => `call ${nth}: ${wrong}`));
      }
      expect(found).toEqual([]);
    });
  }

  test("a sticky error loses the device, and nothing on it is vouched for again", async () => {
    const calls = clean.h200?.calls ?? new Map<string, number>();
    for (const name of ["cuMemcpyDtoHAsync_v2", "cuMemcpyHtoDAsync_v2", "cuMemsetD8Async"]) {
      for (let nth = 1; nth <= (calls.get(name) ?? 0); nth += 3) {
        const { outcomes } = await tell("h200", () => driver.failForGood(nth, ILLEGAL_ADDRESS, name));
        expect(driver.fired()).toBe(1);
        const first = outcomes.findIndex(({ code }) => code === "ERR_DEVICE_LOST");
        const later = outcomes.slice(first).filter(({ act }) => VOUCHES.test(act));
        expect([name, nth, first >= 0, later.filter(({ code }) => code === "ok")]).toEqual([
          name,
          nth,
          true,
          [],
        ]);
      }
    }
  });
});
