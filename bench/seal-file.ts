/**
 * Seals a large file on the mock, and measures what that does to the process: how late its event loop is, how much memory
 * it takes.
 *
 * @module
 */
import { join } from "node:path";
import {
  MockAllocator,
  nodeDigester,
  openVram,
  systemRandom,
  systemTimers,
} from "../packages/vram-residency/src/index.ts";
import { mockControl } from "../packages/vram-residency/src/testing/index.ts";
import { type Part, part } from "./part.ts";
import { type Seen, watch } from "./probe.ts";
import { writeRandomFile } from "./random-file.ts";

const MIB = 1 << 20;

/** What must hold in every phase. */
const LIMITS = { stallMs: 20, memoryBytes: 192 * MIB };

type Phase = Seen & { readonly bytesPerSecond: number };

/** What the mock gives back, the collector has yet to: what is resident after a release says nothing. */
type Release = Omit<Seen, "memoryBytes" | "samples">;

interface Results {
  readonly seal: Phase;
  readonly verify: Phase;
  readonly release: Release;
}

/** Seals, verifies and releases the file at `path`, each under watch. */
async function measure(path: string, bytes: number, expectedDigest: string): Promise<Results> {
  await using allocator = new MockAllocator({
    capacityBytes: bytes + 64 * MIB,
    digester: nodeDigester,
    timers: systemTimers,
    random: systemRandom,
  });
  const { heldBytes } = mockControl(allocator);
  await using vram = await openVram({ backend: "mock", allocator });
  const timed = ({ seen }: { readonly seen: Seen }): Phase => ({
    ...seen,
    bytesPerSecond: Math.round(bytes / (seen.durationMs / 1000)),
  });
  const sealed = await watch(heldBytes, () => vram.sealModel(path, { expectedDigest }));
  const verified = await watch(heldBytes, () => vram.verifySealed(sealed.result));
  const released = await watch(heldBytes, () => vram.release(sealed.result));
  const { memoryBytes: _uncollected, samples: _few, ...release } = released.seen;
  return { seal: timed(sealed), verify: timed(verified), release };
}

/** Seals, verifies and releases a file of `bytes` bytes under watch. */
export async function sealFileParts(folder: string, bytes: number): Promise<readonly Part[]> {
  const path = join(folder, "model.bin");
  const { seal, verify, release } = await measure(path, bytes, await writeRandomFile(path, bytes));
  await Bun.file(path).delete();
  const stallMs = Math.max(...[seal, verify, release].map((phase) => phase.stallMs));
  const memoryBytes = Math.max(seal.memoryBytes, verify.memoryBytes);
  return [
    part(
      "seal-file-stall",
      "longest stall of the event loop, ms (`ownStallMs`: without time in which no processor was free)",
      { atMost: LIMITS.stallMs },
      stallMs,
      {
        bytes,
        seal,
        verify,
        release,
      },
    ),
    part(
      "seal-file-memory",
      "memory of the process beyond the device's, bytes",
      { atMost: LIMITS.memoryBytes },
      memoryBytes,
      { bytes },
    ),
  ];
}
