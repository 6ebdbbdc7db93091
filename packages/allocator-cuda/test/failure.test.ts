import { expect, test } from "bun:test";
import type { ErrorCode } from "@vram-residency/types";
import { STATUS } from "../src/constants.ts";
import { failureError, type NativeFailure } from "../src/failure.ts";
import { NO_FAILURE } from "../src/ticket.ts";

const DRIVER: Partial<NativeFailure> = {
  device: 1,
  driver_code: 700,
  driver_name: "CUDA_ERROR_ILLEGAL_ADDRESS",
  operation: "cuMemcpyHtoDAsync_v2",
};

/** Every status but VR_OK, the code it becomes, and what of the library's words must be in the detail. */
const TABLE: readonly (readonly [
  status: keyof typeof STATUS,
  failure: Partial<NativeFailure>,
  code: ErrorCode,
  detail: object,
])[] = [
  ["EINVAL", {}, "ERR_BUG", {}],
  ["ECLOSED", {}, "ERR_STATE", { state: "closed", expected: "open" }],
  ["ENODEVICE", {}, "ERR_INPUT_INVALID", { field: "gpuDevice" }],
  ["ESTALE", {}, "ERR_STATE", {}],
  ["EBOUNDS", {}, "ERR_INPUT_INVALID", { field: "offset" }],
  ["EPROTECTED", {}, "ERR_STATE", { state: "protected" }],
  [
    "EVRAM",
    { device: 1, needed_bytes: 4n, available_bytes: 3, largest_bytes: 2, foreign_bytes: 1 },
    "ERR_VRAM_INSUFFICIENT",
    { device: 1, neededBytes: 4, availableBytes: 3, largestFreeBytes: 2, foreignBytes: 1 },
  ],
  ["EALLOCATION", DRIVER, "ERR_DRIVER_ALLOCATION", { device: 1, driverCode: 700 }],
  ["ECOPY", DRIVER, "ERR_DRIVER_COPY", { device: 1, driverCode: 700, driverName: DRIVER.driver_name }],
  [
    "EDEVICE_LOST",
    { ...DRIVER, restart_needed: 1 },
    "ERR_DEVICE_LOST",
    { device: 1, driverCode: 700, restartNeeded: true },
  ],
  ["EUNAVAILABLE", { message: "no driver" }, "ERR_DRIVER_UNAVAILABLE", { missing: "no driver" }],
  ["ECANCELLED", {}, "ERR_CANCELLED", { stage: "digest" }],
  ["EDEADLINE", {}, "ERR_DEADLINE", { stage: "digest", limit: 9 }],
  ["EBUSY", {}, "ERR_BUSY", { queue: "device 0", limit: 4096 }],
  ["EAGAIN", {}, "ERR_BUG", {}],
  ["ESOURCE", { reason: 3 }, "ERR_SOURCE", { reason: "truncated" }],
  [
    "EHOST",
    { system_code: 12, operation: "mmap" },
    "ERR_DRIVER_ALLOCATION",
    { device: 0, driverCode: 12, driverName: "mmap" },
  ],
  ["EUNSUPPORTED", {}, "ERR_DRIVER_UNAVAILABLE", {}],
  ["EBUG", {}, "ERR_BUG", {}],
];

const ALL_DEVICES = 0xffff_ffff;

test("the table has every status of the header", () => {
  expect(["OK", ...TABLE.map(([status]) => status)]).toEqual(Object.keys(STATUS));
});

test.each(TABLE)("%s becomes its code, with the numbers of the library", (status, words, code, detail) => {
  const failure = { ...NO_FAILURE, device: ALL_DEVICES, ...words, status: STATUS[status] };

  const error = failureError(failure, { name: "digest", device: 0, deadlineMs: 9 });

  expect(error.code).toBe(code);
  expect(error.detail).toMatchObject(detail);
  expect(error.message).toMatch(/^ERR_[A-Z_]+: [^\n]*[^.\n]$/);
});

test("each reason of a source is told apart", () => {
  const reasonOf = (reason: number): unknown =>
    failureError({ ...NO_FAILURE, status: STATUS.ESOURCE, reason }, { name: "ingest", device: 0 }).detail;

  expect([1, 2, 3].map(reasonOf)).toEqual([
    { reason: "unreadable" },
    { reason: "changed" },
    { reason: "truncated" },
  ]);
});

test("what a device cannot do is the caller's to mend where a caller asked for it", () => {
  const failure = { ...NO_FAILURE, status: STATUS.EUNSUPPORTED };

  expect(failureError(failure, { name: "allocate", device: 0 }).detail).toMatchObject({
    field: "exportable",
  });
  expect(failureError(failure, { name: "exportFd", device: 0 }).code).toBe("ERR_STATE");
});

test("words of the library stay one line of plain text", () => {
  const failure = { ...NO_FAILURE, status: STATUS.EUNAVAILABLE, message: "no\n\u001b[31mdriver\u202e" };

  expect(failureError(failure, { name: "start" }).message).toStartWith(
    "ERR_DRIVER_UNAVAILABLE: no??[31mdriver?; ",
  );
});

test("a status that no header names is a bug, not a success", () => {
  expect(failureError({ ...NO_FAILURE, status: -99 }, { name: "wipe", device: 0 }).code).toBe("ERR_BUG");
});

test("a host that refuses without a device is not taken for a driver that does not work", () => {
  const failure = { ...NO_FAILURE, status: STATUS.EHOST, system_code: 24, operation: "pipe2" };

  const { code, message } = failureError({ ...failure, device: 0xffff_ffff }, { name: "digest" });

  expect(code).toBe("ERR_DRIVER_UNAVAILABLE");
  expect(message).toContain("the host refused pipe2 (24); free memory");
});
