import { VramError } from "@vram-residency/types";
import { Allocations } from "./allocations.ts";
import { STATUS } from "./constants.ts";
import { Context } from "./context.ts";
import { CudaAllocator } from "./cuda-allocator.ts";
import { failureError } from "./failure.ts";
import { VR_DEVICE } from "./layouts.ts";
import { loadLibrary } from "./library.ts";
import { type CudaOptions, type CudaSettings, cudaSettings } from "./options.ts";
import { decode, structBytes } from "./struct.ts";
import type { Native } from "./symbols.ts";
import { type NativeContext, NO_FAILURE } from "./ticket.ts";

/**
 * Loads the native library and the driver, and asks what devices there are.
 *
 * @throws {@link VramError} `ERR_DRIVER_UNAVAILABLE` without a library, a driver or Bun; `ERR_INPUT_INVALID` for a bad option.
 *
 * @example
 * ```ts
 * await using allocator = await openCuda();
 * const id = await allocator.allocate(deviceIndex(0), byteCount(1 << 30, "bytes"));
 * ```
 */
export async function openCuda(options: CudaOptions = {}): Promise<CudaAllocator> {
  return await openWith(cudaSettings(options));
}

/** @throws As {@link openCuda}. */
export async function openWith(settings: CudaSettings): Promise<CudaAllocator> {
  const { native, digest, pinned } = await loadLibrary(settings.library);
  const context = new Context(native, settings.native, settings.driver);
  try {
    await context.run({
      stage: { name: "start", ...(settings.callMs === undefined ? {} : { deadlineMs: settings.callMs }) },
      submit: ({ context: number }, out) => native.vr_submit_start(number, out),
      take: () => undefined,
    });
    const uuids = deviceUuids(context.assertOpen());
    const fake = isFake(native, context.assertOpen());
    return new CudaAllocator({
      context,
      uuids,
      allocations: new Allocations(uuids.length),
      // What a fake driver says was never on a device, whatever library asked it.
      library: { digest, pinned: pinned && !fake, fake },
      callMs: settings.callMs,
    });
  } catch (error) {
    await context.close().catch(() => {});
    throw error;
  }
}

function deviceUuids({ native, context }: NativeContext): readonly string[] {
  const count = new Uint32Array(1);
  check(native.vr_device_count(context, count), "vr_device_count");
  return Array.from({ length: count[0] ?? 0 }, (_, device) => {
    const bytes = new Uint8Array(structBytes(VR_DEVICE));
    check(native.vr_device_facts(context, device, bytes), "vr_device_facts");
    return decode(VR_DEVICE, bytes).uuid;
  });
}

const INFO_BYTES = 16_384;

function isFake(native: Native, { context }: NativeContext): boolean {
  const text = new Uint8Array(INFO_BYTES);
  const length = new BigUint64Array(1);
  check(native.vr_context_info(context, text, text.length, length), "vr_context_info");
  const info: unknown = JSON.parse(new TextDecoder().decode(text.subarray(0, Number(length[0] ?? 0n))));
  if (typeof info !== "object" || info === null || !("fake" in info)) {
    const invariant = "the native library says whether the driver is a fake";
    throw new VramError("ERR_BUG", `${invariant}: report this with the versions of both`, { invariant });
  }
  return info.fake !== false;
}

function check(status: number, name: string): void {
  if (status !== STATUS.OK) throw failureError({ ...NO_FAILURE, status }, { name });
}
