import { expect, test } from "bun:test";
import { crashChoices, type MemoryFileSystem, memoryFileSystem } from "@vram-residency/testing";
import fc from "fast-check";

type Step =
  | { readonly kind: "write"; readonly at: number; readonly bytes: Uint8Array }
  | { readonly kind: "truncate"; readonly bytes: number }
  | { readonly kind: "sync" };

// Around the ends of pages, where what is torn shows.
const POSITIONS = fc.oneof(fc.nat(9000), fc.constantFrom(0, 1, 4095, 4096, 4097, 8191, 8192));
const STEPS: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant("write" as const),
    at: POSITIONS,
    bytes: fc
      .tuple(fc.integer({ min: 1, max: 255 }), POSITIONS)
      .map(([byte, length]) => new Uint8Array(length).fill(byte)),
  }),
  fc.record({ kind: fc.constant("truncate" as const), bytes: POSITIONS }),
  fc.record({ kind: fc.constant("sync" as const) }),
);

/** Makes the file's changes, and keeps its content after each since the last sync, the synced one first. */
async function change(files: MemoryFileSystem, steps: readonly Step[]): Promise<readonly Uint8Array[]> {
  files.put("/log", new Uint8Array(0));
  await using file = await files.open("/log", { mode: "read-write" });
  let states = [files.get("/log")];
  for (const step of steps) {
    if (step.kind === "write") await file.write(step.bytes, step.at);
    else if (step.kind === "truncate") await file.truncate(step.bytes);
    else await file.dataSync();
    states = [...(step.kind === "sync" ? [] : states), files.get("/log")];
  }
  return states;
}

test("of a file, a power loss leaves lengths and bytes that it had since its last sync, and nothing else", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(STEPS, { maxLength: 6, size: "max" }),
      crashChoices(),
      async (steps, choose) => {
        const files = memoryFileSystem();
        const states = await change(files, steps);

        const left = files.crash(choose).get("/log");

        expect(states.map(({ length }) => length)).toContain(left.length);
        const strange = left.findIndex((byte, at) => states.every((state) => (state[at] ?? 0) !== byte));
        expect(strange).toBe(-1);
      },
    ),
  );
});

test("what was appended and synced survives every power loss, whatever was appended after it", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ minLength: 1, maxLength: 3000, size: "max" }), { minLength: 1, maxLength: 6 }),
      fc.nat(),
      crashChoices(),
      async (appends, last, choose) => {
        const files = memoryFileSystem();
        await using file = await files.open("/log", { mode: "append" });
        await files.syncDirectory("/");
        const synced = last % appends.length;
        for (const [index, bytes] of appends.entries()) {
          await file.write(bytes);
          if (index === synced) await file.dataSync();
        }
        const kept = appends.slice(0, synced + 1).reduce((sum, { length }) => sum + length, 0);

        const left = files.crash(choose).get("/log");

        expect(left.subarray(0, kept)).toEqual(files.get("/log").subarray(0, kept));
      },
    ),
  );
});

test("names in a synced directory survive with their files, and a second power loss changes nothing", async () => {
  const names = fc.constantFrom("a", "b", "c", "d/a", "d/b");
  const steps = fc.oneof(
    fc.record({ kind: fc.constant("create" as const), name: names }),
    fc.record({ kind: fc.constant("rename" as const), name: names, to: names }),
    fc.record({ kind: fc.constant("remove" as const), name: names }),
    fc.record({ kind: fc.constant("sync" as const) }),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(steps, { maxLength: 12, size: "max" }),
      crashChoices(),
      async (script, choose) => {
        const files = memoryFileSystem();
        files.put("/d/kept", new Uint8Array(3));
        /** Every name of the files since the last sync, and where each was then. */
        let touched = new Set<string>();
        let synced = new Map<string, string>();
        for (const step of script) {
          if (step.kind === "sync") {
            for (const directory of ["/", "/d"]) await files.syncDirectory(directory);
            touched = new Set();
            synced = await identities(files);
          } else {
            for (const name of "to" in step ? [step.name, step.to] : [step.name]) touched.add(name);
            // A name that is missing, or there already, changes nothing.
            await attempt(files, step).catch(() => {});
          }
        }

        const left = files.crash(choose);

        const after = await identities(left);
        for (const [name, identity] of synced)
          if (!touched.has(name)) expect([name, after.get(name)]).toEqual([name, identity]);
        for (const name of after.keys())
          expect(touched.has(name) || synced.has(name) || name === "d/kept").toBe(true);
        expect(await identities(left.crash(() => 0))).toEqual(after);
      },
    ),
  );
});

async function attempt(
  files: MemoryFileSystem,
  step: { kind: "create" | "rename" | "remove"; name: string; to?: string },
): Promise<void> {
  if (step.kind === "create") {
    const file = await files.open(`/${step.name}`, { mode: "create" });
    await file[Symbol.asyncDispose]();
  } else if (step.kind === "remove") await files.remove(`/${step.name}`);
  else await files.rename(`/${step.name}`, `/${step.to}`);
}

async function identities(files: MemoryFileSystem): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const [directory, prefix] of [
    ["/", ""],
    ["/d", "d/"],
  ] as const) {
    for (const name of await files.list(directory)) {
      if (name !== "d") found.set(prefix + name, (await files.stat(`/${prefix}${name}`)).identity);
    }
  }
  return found;
}
