/**
 * The fake driver of `native/fake-driver`, and its strings: what a test may change, break and count behind the library.
 *
 * `bun run test` builds both where there is a C++ compiler. Without one everything that needs them is skipped, and counted.
 *
 * @module
 */
import { dlopen } from "bun:ffi";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import type { CudaAllocator, CudaOptions } from "@vram-residency/allocator-cuda";
import { openTestCuda } from "@vram-residency/allocator-cuda/testing";

const BUILD = join(resolve(import.meta.dir, "..", "..", ".."), "native", "build");
const LIBRARY = join(BUILD, "libvram_residency.so");
const DRIVER = {
  cuda: join(BUILD, "fake-driver", "libcuda.so.1"),
  nvml: join(BUILD, "fake-driver", "libnvidia-ml.so.1"),
};

/** Whether the library and the fake driver were built. */
export const BUILT: boolean = [LIBRARY, DRIVER.cuda, DRIVER.nvml].every((path) => existsSync(path));

/** Kinds of things that can be alive in the driver, in the order of the fake's header. */
const KINDS = [
  "allocations",
  "handles",
  "mappings",
  "reservations",
  "plain",
  "pinned",
  "pinnedBytes",
  "streams",
  "events",
  "modules",
  "contexts",
  "nvml",
] as const;

/** Text goes in as bytes that end with zero; null means any function. Addresses are the test's own. */
const SYMBOLS = {
  vrfake_reset: { args: [], returns: "void" },
  vrfake_configure: { args: ["ptr"], returns: "i32" },
  vrfake_fail: { args: ["ptr", "u64", "i32"], returns: "i32" },
  vrfake_fail_sticky: { args: ["ptr", "u64", "i32"], returns: "i32" },
  vrfake_delay: { args: ["ptr", "u64", "u32"], returns: "i32" },
  vrfake_slow_copy: { args: ["u64", "u32"], returns: "i32" },
  vrfake_short_copy: { args: ["u64", "u64"], returns: "i32" },
  vrfake_flip_copy: { args: ["u64", "u64", "u8"], returns: "i32" },
  vrfake_flip: { args: ["u64", "u64", "u8"], returns: "i32" },
  vrfake_lose: { args: ["u32"], returns: "i32" },
  vrfake_disarm: { args: [], returns: "void" },
  vrfake_fired: { args: [], returns: "u64" },
  vrfake_calls: { args: [], returns: "u64" },
  vrfake_call_name: { args: ["u64"], returns: "cstring" },
  vrfake_live: { args: ["u32"], returns: "u64" },
  vrfake_used_bytes: { args: ["u32"], returns: "u64" },
  vrfake_pinned_peak_bytes: { args: [], returns: "u64" },
  vrfake_dirty_bytes: { args: [], returns: "u64" },
  vrfake_dirty_pinned_bytes: { args: [], returns: "u64" },
} as const;

const loaded = BUILT ? dlopen(DRIVER.cuda, SYMBOLS).symbols : undefined;

function fake(): NonNullable<typeof loaded> {
  if (loaded === undefined)
    throw new Error("neither the library nor the fake driver was built: bun run native");
  return loaded;
}

function text(value: string): Uint8Array {
  return new TextEncoder().encode(`${value}\0`);
}

function done(status: number): void {
  if (status !== 0) throw new Error("the fake driver refuses what the test asked of it");
}

/** The strings of the fake driver. Its state is the process's. */
export const driver = {
  /** A driver that was just loaded, with these settings; see `fake_driver.h`. */
  reset(settings = ""): void {
    fake().vrfake_reset();
    done(fake().vrfake_configure(text(settings)));
  },
  /** Changes settings, and forgets nothing. */
  configure: (settings: string): void => done(fake().vrfake_configure(text(settings))),
  /** The `nth` call from now on fails with `code`; of any function unless one is named. */
  fail(nth: number, code: number, name?: string): void {
    done(fake().vrfake_fail(name === undefined ? null : text(name), nth, code));
  },
  /** As {@link driver.fail}, and every later call of the device fails too. */
  failForGood(nth: number, code: number, name?: string): void {
    done(fake().vrfake_fail_sticky(name === undefined ? null : text(name), nth, code));
  },
  /** The `nth` call of a function sleeps. */
  delay: (name: string, nth: number, milliseconds: number): void =>
    done(fake().vrfake_delay(text(name), nth, milliseconds)),
  slowCopy: (nth: number, milliseconds: number): void => done(fake().vrfake_slow_copy(nth, milliseconds)),
  shortCopy: (nth: number, bytes: number): void => done(fake().vrfake_short_copy(nth, bytes)),
  flipCopy: (nth: number, offset: number, mask: number): void =>
    done(fake().vrfake_flip_copy(nth, offset, mask)),
  /** Flips bits of an allocation, by the driver's number for its block. */
  flip: (blockId: string, offset: number, mask: number): void =>
    done(fake().vrfake_flip(BigInt(blockId), offset, mask)),
  lose: (device: number): void => done(fake().vrfake_lose(device)),
  disarm: (): void => fake().vrfake_disarm(),
  fired: (): number => Number(fake().vrfake_fired()),
  calls: (): number => Number(fake().vrfake_calls()),
  callName: (nth: number): string => String(fake().vrfake_call_name(nth)),
  usedBytes: (device: number): number => Number(fake().vrfake_used_bytes(device)),
  pinnedPeakBytes: (): number => Number(fake().vrfake_pinned_peak_bytes()),
  /** Bytes other than zero in what was given back, on the device and in pinned memory. */
  dirtyBytes: (): number => Number(fake().vrfake_dirty_bytes() + fake().vrfake_dirty_pinned_bytes()),
  /** What is alive in the driver; empty when nothing is. */
  alive(): Readonly<Record<string, number>> {
    const counts = KINDS.map((kind, index) => [kind, Number(fake().vrfake_live(index))] as const);
    return Object.fromEntries(counts.filter(([, count]) => count > 0));
  },
};

/** Opens the library over the fake driver as it is set. */
export function openFake(options: CudaOptions = {}): Promise<CudaAllocator> {
  return openTestCuda(DRIVER, { library: { path: LIBRARY }, ...options });
}
