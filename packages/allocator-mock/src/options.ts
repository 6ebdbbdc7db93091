import { assertPort, portableDigester, readOptions } from "@vram-residency/crypto";
import { byteCount, type Digester, type Random, type Timers } from "@vram-residency/types";
import { invalid } from "./errors.ts";

/** What a mock is made of. */
export interface MockOptions {
  /** How many devices. Range: 1 to 16. Default 1. */
  readonly devices?: number;
  /** Memory of each device, rounded down to the granularity. Default 24 GiB. Unit: bytes. */
  readonly capacityBytes?: number;
  /** What an allocation's size is rounded up to. A power of two, 4096 to 1 GiB. Default 4096. Unit: bytes. */
  readonly granularityBytes?: number;
  /** Memory of each device that somebody else uses. Default 0. Unit: bytes. */
  readonly foreignBytes?: number;
  /** Hashes the bulk bytes. Default: the portable one. */
  readonly digester?: Digester;
  readonly timers: Timers;
  /** Makes the devices' ids; a seeded one makes the same mock every time. */
  readonly random: Random;
}

/** {@link MockOptions}, checked and complete. */
export type MockSettings = Required<MockOptions>;

const OPTION_NAMES = [
  "devices",
  "capacityBytes",
  "granularityBytes",
  "foreignBytes",
  "digester",
  "timers",
  "random",
] as const;
const DEVICES_MAX = 16;
const GRANULARITY_BYTES_MAX = 2 ** 30;
const BLOCK_BYTES = 4096;

/** @throws `ERR_INPUT_INVALID` for an option that is unknown, none, or out of its range. */
export function mockSettings(from: MockOptions): MockSettings {
  const options = readOptions(from, "options", OPTION_NAMES);
  assertPort(options.timers, "timers", "after", "yield");
  assertPort(options.random, "random", "bytes");
  if (options.digester !== undefined) {
    assertPort(options.digester, "digester", "createSha256", "createBlake3", "sha256Blocks");
  }
  const devices = options.devices ?? 1;
  if (!Number.isInteger(devices) || devices < 1 || devices > DEVICES_MAX) {
    throw invalid("devices", `expected an integer from 1 to ${DEVICES_MAX}`);
  }
  const granularityBytes = byteCount(options.granularityBytes ?? BLOCK_BYTES, "granularityBytes");
  const isPowerOfTwo = Number.isInteger(Math.log2(granularityBytes));
  if (!isPowerOfTwo || granularityBytes < BLOCK_BYTES || granularityBytes > GRANULARITY_BYTES_MAX) {
    throw invalid("granularityBytes", "expected a power of two from 4096 to 1 GiB");
  }
  const capacityBytes = byteCount(options.capacityBytes ?? 24 * 2 ** 30, "capacityBytes");
  if (capacityBytes < granularityBytes) throw invalid("capacityBytes", "expected at least one granule");
  return {
    devices,
    granularityBytes,
    capacityBytes: capacityBytes - (capacityBytes % granularityBytes),
    foreignBytes: byteCount(options.foreignBytes ?? 0, "foreignBytes"),
    digester: options.digester ?? portableDigester,
    timers: options.timers,
    random: options.random,
  };
}
