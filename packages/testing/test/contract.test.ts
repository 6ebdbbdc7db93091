import { describe, expect, test } from "bun:test";
import {
  allocatorContract,
  type ContractRunner,
  type ContractSubject,
  describeAllocatorContract,
} from "@vram-residency/testing";
import type { Allocator } from "@vram-residency/types";
import { holds, rejects, rejectsWith, same, sameBytes, sameJson } from "../src/contract/assert.ts";

/** A subject that must never be asked for an allocator. */
const untouched: ContractSubject = {
  name: "none",
  granularity: 4096,
  create: async (): Promise<Allocator> => {
    throw new Error("created");
  },
};

/** A runner that notes what it is given. */
function noting(): { runner: ContractRunner; seen: string[] } {
  const seen: string[] = [];
  const note =
    (kind: string) =>
    (name: string): void => {
      seen.push(`${kind}: ${name}`);
    };
  const runner: ContractRunner = {
    describe(name, body) {
      seen.push(`describe: ${name}`);
      body();
    },
    test: Object.assign(note("test"), { skip: note("skip") }),
  };
  return { runner, seen };
}

describe("the contract suite", () => {
  test("has at least 30 cases, each with a name of its own", () => {
    const names = allocatorContract(untouched).map(({ name }) => name);

    expect(names.length).toBeGreaterThanOrEqual(30);
    expect(new Set(names).size).toBe(names.length);
  });

  test("skips what a subject cannot do, and says why", () => {
    const flips = { ...untouched, corrupt: async () => {} };
    const reasons = (subject: ContractSubject): Set<string | undefined> =>
      new Set(allocatorContract(subject).map(({ skip }) => skip));

    expect(reasons(flips)).toEqual(new Set([undefined]));
    expect(reasons(untouched)).toEqual(new Set([undefined, "needs a way to flip bits"]));
    expect(reasons({ ...flips, setsCapacity: false })).toEqual(
      new Set([undefined, "needs a capacity it can set"]),
    );
    expect(reasons({ ...flips, devicesMax: 1 })).toEqual(new Set([undefined, "needs 2 devices"]));
  });

  test("declares every case with the runner it is given, the skipped ones with its skip", () => {
    const { runner, seen } = noting();

    describeAllocatorContract(untouched, runner);

    expect(seen[0]).toBe("describe: none: allocator contract");
    expect(seen).toHaveLength(allocatorContract(untouched).length + 1);
    expect(seen.filter((line) => line.startsWith("skip: "))).toEqual(
      allocatorContract(untouched)
        .filter(({ skip }) => skip !== undefined)
        .map(({ name, skip }) => `skip: ${name} (${skip})`),
    );
  });

  test("makes an allocator for a case, whose failure to be made is the case's", async () => {
    await expect(allocatorContract(untouched)[0]?.run()).rejects.toThrow("created");
  });
});

describe("its assertions", () => {
  test("pass what is the same, and say what differs", () => {
    same(1, 1, "one");
    expect(() => same(1, 2, "the size")).toThrow("the size should be 2, and is 1");
    sameJson({ a: 1, b: [2] }, { b: [2], a: 1 }, "records");
    expect(() => sameJson({ a: 1 }, { a: 2 }, "records")).toThrow("records should be");
    sameBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 2), "bytes");
    expect(() => sameBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 3), "the copy")).toThrow(
      "the copy differs at byte 1",
    );
    expect(() => sameBytes(Uint8Array.of(1), Uint8Array.of(1, 3), "the copy")).toThrow(
      "the length of the copy",
    );
    holds(true, "true");
    expect(() => holds(false, "pigs fly")).toThrow("it should be true that pigs fly");
  });

  test("tell a rejection with another error, or none, from the right one", async () => {
    const reason = new Error("stop");

    await rejectsWith(Promise.reject(reason), reason, "the call");
    await expect(rejectsWith(Promise.reject(new Error("stop")), reason, "the call")).rejects.toThrow(
      "the signal's reason",
    );
    await expect(rejectsWith(Promise.resolve(), reason, "the call")).rejects.toThrow(
      "the call should reject, and resolves",
    );
    await expect(rejects(Promise.reject(reason), "ERR_STATE", "the call")).rejects.toThrow(
      "rejects with Error: stop",
    );
    await expect(rejects(Promise.resolve(), "ERR_STATE", "the call")).rejects.toThrow("and resolves");
  });
});
