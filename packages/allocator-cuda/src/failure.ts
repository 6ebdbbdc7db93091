/**
 * What the native library says of a failure, as the one error of this project.
 *
 * @module
 */
import { VramError } from "@vram-residency/types";
import { STATUS, VR } from "./constants.ts";
import { badSource, closed, invalid, stale, unavailable, wrongState } from "./errors.ts";
import type { VR_ERROR } from "./layouts.ts";
import type { Decoded } from "./struct.ts";

/** A failure in the library's own words. */
export type NativeFailure = Decoded<typeof VR_ERROR>;

/** What was being done. */
export interface Stage {
  /** A method of the port, or a step of opening: "ingest", "start". */
  readonly name: string;
  /** Ordinal; absent where no device is concerned. */
  readonly device?: number;
  /** Unit: ms; absent where there was no deadline. */
  readonly deadlineMs?: number;
}

/**
 * The error for a failure: a code of the table, the driver's number and name where it was the driver, and what to do.
 *
 * @param failure - Its status is not `VR_OK`.
 */
export function failureError(failure: NativeFailure, stage: Stage): VramError {
  const name = Object.entries(STATUS).find(([, status]) => status === failure.status)?.[0];
  switch (name as keyof typeof STATUS | undefined) {
    case "ECLOSED":
      return closed();
    case "ENODEVICE":
      return invalid("gpuDevice", "there is no such device");
    case "ESTALE":
      return stale();
    case "EBOUNDS":
      return invalid("offset", "expected a range inside the allocation");
    case "EPROTECTED":
      return wrongState("protected", "writable: protect it read-write first");
    case "EVRAM":
    case "EALLOCATION":
    case "ECOPY":
    case "EDEVICE_LOST":
    case "EHOST":
      return driverError(failure, stage);
    case "EUNAVAILABLE":
      return unavailable(
        plain(failure.message),
        "install the NVIDIA driver, or name the mock to work without a GPU",
      );
    case "ECANCELLED":
      return new VramError("ERR_CANCELLED", `${stage.name} was cancelled, call it again`, {
        stage: stage.name,
      });
    case "EDEADLINE": {
      const limit = stage.deadlineMs ?? 0;
      const message = `${stage.name} took longer than ${limit} ms: raise the deadline, or ask what the device waits for`;
      return new VramError("ERR_DEADLINE", message, { stage: stage.name, limit });
    }
    case "EBUSY": {
      const message = `${VR.QUEUE_MAX} pieces of work wait for the device: await some of them first`;
      return new VramError("ERR_BUSY", message, { queue: queueOf(stage), limit: VR.QUEUE_MAX });
    }
    case "ESOURCE":
      return badSource(REASONS.get(failure.reason) ?? "unreadable");
    case "EUNSUPPORTED":
      return unsupported(failure, stage);
    case "OK":
    case "EINVAL":
    case "EAGAIN":
    case "EBUG":
    case undefined:
      return broken(`${stage.name}: the native library answers ${name ?? failure.status}`);
  }
}

const REASONS: ReadonlyMap<number, "unreadable" | "changed" | "truncated"> = new Map([
  [VR.REASON_UNREADABLE, "unreadable"],
  [VR.REASON_CHANGED, "changed"],
  [VR.REASON_TRUNCATED, "truncated"],
]);

const ALL_DEVICES = 0xffff_ffff;

/** What to do when no allocation is concerned. */
const REMEDIES: ReadonlyMap<string, string> = new Map(
  ["start", "close", "devices", "capacity"].map((stage) => [stage, "look at the driver with vramr doctor"]),
);

function driverError(failure: NativeFailure, stage: Stage): VramError {
  const { status, driver_code: driverCode } = failure;
  const driverName = plain(failure.driver_name);
  const device = failure.device === ALL_DEVICES ? stage.device : failure.device;
  if (device === undefined && status === STATUS.EHOST) {
    const missing = `the host refused ${plain(failure.operation)} (${failure.system_code})`;
    return unavailable(missing, "free memory, threads or descriptors and try again");
  }
  if (device === undefined) {
    const missing = `no driver that works: ${plain(failure.operation)} failed (${driverName}, ${driverCode})`;
    return unavailable(missing, "look at it with vramr doctor, and install it again");
  }
  if (status === STATUS.EVRAM) return insufficient(failure, device);
  if (status === STATUS.EDEVICE_LOST) {
    const restartNeeded = failure.restart_needed !== 0;
    const remedy = restartNeeded ? "restart the process" : "load its shards on another device";
    const message = `device ${device} is lost (${driverName}, ${driverCode}), ${remedy}`;
    return new VramError("ERR_DEVICE_LOST", message, { device, driverCode, restartNeeded });
  }
  const operation = plain(failure.operation);
  if (status === STATUS.ECOPY) {
    const message = `${operation} failed on device ${device} (${driverName}, ${driverCode}): ${REMEDIES.get(stage.name) ?? "free the allocation and load again"}`;
    return new VramError("ERR_DRIVER_COPY", message, { device, driverCode, driverName });
  }
  if (status === STATUS.EHOST) {
    // The table has no code for a host that is out of something. This one says the same: try again with less.
    const code = driverCode === 0 ? failure.system_code : driverCode;
    const message = `the host refused ${operation} for device ${device} (${code}): free memory or descriptors and try again`;
    return new VramError("ERR_DRIVER_ALLOCATION", message, {
      device,
      driverCode: code,
      driverName: driverName || operation,
    });
  }
  const message = `device ${device} could not allocate (${driverName}, ${driverCode}), free some and try again`;
  return new VramError("ERR_DRIVER_ALLOCATION", message, { device, driverCode, driverName });
}

function insufficient(failure: NativeFailure, device: number): VramError<"ERR_VRAM_INSUFFICIENT"> {
  const detail = {
    device,
    // Rounded up, it may be just more than a number can count.
    neededBytes: Number(failure.needed_bytes),
    availableBytes: failure.available_bytes,
    largestFreeBytes: failure.largest_bytes,
    foreignBytes: failure.foreign_bytes,
  };
  const message =
    `device ${device} has ${detail.availableBytes} bytes free, ${detail.largestFreeBytes} of them in one piece, ` +
    `and ${detail.neededBytes} are needed: release shards or choose another device`;
  return new VramError("ERR_VRAM_INSUFFICIENT", message, detail);
}

function unsupported(failure: NativeFailure, stage: Stage): VramError {
  if (stage.name === "allocate") return invalid("exportable", "this device exports no memory");
  if (stage.name === "exportFd") return wrongState("not exportable", "allocated with exportable: true");
  const missing = `${queueOf(stage)} cannot do ${stage.name}${failure.message === "" ? "" : `: ${plain(failure.message)}`}`;
  return unavailable(missing, "update the driver, or choose another device");
}

function broken(what: string): VramError<"ERR_BUG"> {
  const message = `${what}: report this with the steps that led here`;
  return new VramError("ERR_BUG", message, { invariant: what });
}

function queueOf({ device }: Stage): string {
  return device === undefined ? "context" : `device ${device}`;
}

/** Text of the library for one line: printable ASCII, whatever was there. */
function plain(text: string): string {
  return text.replace(/[^ -~]/g, "?");
}
