import { type DeviceIndex, VramError } from "@vram-residency/types";

/** The driver code and name the mock gives where a real driver would give its own. */
const DRIVER_CODE = 999;
const DRIVER_NAME = "MOCK_ERROR_SCRIPTED";

/** An argument that no device could make sense of. */
export function invalid(field: string, reason: string): VramError<"ERR_INPUT_INVALID"> {
  return new VramError("ERR_INPUT_INVALID", `${field}: ${reason}`, { field, reason });
}

/** A call that this allocation, or allocator, cannot take now. */
export function wrongState(state: string, expected: string): VramError<"ERR_STATE"> {
  return new VramError("ERR_STATE", `the allocation is ${state}, expected it ${expected}`, {
    state,
    expected,
  });
}

export function closed(): VramError<"ERR_STATE"> {
  return new VramError("ERR_STATE", "the allocator is closed, make a new one", {
    state: "closed",
    expected: "open",
  });
}

export function deviceLost(device: DeviceIndex, restartNeeded: boolean): VramError<"ERR_DEVICE_LOST"> {
  const remedy = restartNeeded ? "restart the process" : "load its shards on another device";
  return new VramError("ERR_DEVICE_LOST", `device ${device} is lost, ${remedy}`, {
    device,
    driverCode: DRIVER_CODE,
    restartNeeded,
  });
}

export function copyFailed(device: DeviceIndex): VramError<"ERR_DRIVER_COPY"> {
  return new VramError(
    "ERR_DRIVER_COPY",
    `a call to device ${device} failed, free the allocation and load again`,
    {
      device,
      driverCode: DRIVER_CODE,
      driverName: DRIVER_NAME,
    },
  );
}

export function allocationFailed(
  device: DeviceIndex,
  driverName: string = DRIVER_NAME,
): VramError<"ERR_DRIVER_ALLOCATION"> {
  return new VramError(
    "ERR_DRIVER_ALLOCATION",
    `device ${device} could not allocate (${driverName}), free some and try again`,
    {
      device,
      driverCode: DRIVER_CODE,
      driverName,
    },
  );
}
