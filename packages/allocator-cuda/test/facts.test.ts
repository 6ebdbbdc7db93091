import { expect, test } from "bun:test";
import { residencyEvidence } from "../src/evidence.ts";
import { deviceFacts, known, knownFlag, names } from "../src/facts.ts";
import { VR_DEVICE, VR_EVIDENCE } from "../src/layouts.ts";
import { type Decoded, decode, encode, type Struct, structBytes } from "../src/struct.ts";

const NATIVE = { digest: "a".repeat(64), pinned: true };

/** A struct in which the driver said nothing. */
function silent<Fields extends Struct>(fields: Fields): Decoded<Fields> {
  const found = decode(fields, new Uint8Array(structBytes(fields)));
  const unknown = Object.entries(fields).map(([name, type]) => [name, type === "i32" ? -1 : found[name]]);
  return Object.fromEntries(unknown) as Decoded<Fields>;
}

test("what the driver does not say of a device is unknown, never no and never fine", () => {
  const { backend, ordinal, uuid, name, totalBytes, native, ...rest } = deviceFacts(
    silent(VR_DEVICE),
    NATIVE,
  );

  expect({
    backend,
    ordinal: ordinal as number,
    uuid,
    name,
    totalBytes: totalBytes as number,
    native,
  }).toEqual({
    backend: "cuda",
    ordinal: 0,
    uuid: "",
    name: "",
    totalBytes: 0,
    native: NATIVE,
  });
  expect(new Set(Object.values(rest))).toEqual(new Set(["unknown"]));
});

test("a number that the header does not name says nothing", () => {
  expect(known(7, names([0, "none"], [1, "some"]))).toBe("unknown");
  expect([0, 1, 2, -1, 255].map(knownFlag)).toEqual([false, true, "unknown", "unknown", "unknown"]);
});

test("what the driver does not say of an allocation is unknown, and its range is none that covers the shard", () => {
  const { stable } = residencyEvidence({ ...silent(VR_EVIDENCE), range_bytes: 4096 }, "GPU-1", "");

  expect(stable).toEqual({
    backend: "cuda",
    path: "plain",
    deviceUuid: "GPU-1",
    ordinal: -1,
    location: "unknown",
    memoryType: "unknown",
    managed: "unknown",
    hostPointer: "unknown",
    rangeBytes: 0,
    bufferId: "unknown",
    blockId: "unknown",
    access: "unknown",
    handleTypes: [],
  });
});

test("observations are flat, and nothing of them is stable evidence", () => {
  const text = JSON.stringify({ ecc: 3, serial: "1", on: true, none: null, deep: { x: 1 }, list: [1] });

  const { observations } = residencyEvidence(silent(VR_EVIDENCE), "GPU-1", text);

  expect(observations).toEqual({
    ecc: 3,
    serial: "1",
    on: true,
    none: null,
    mapped: null,
    pool: null,
    hostAccess: null,
  });
});

test("a struct is read back as it was written, wherever it lies", () => {
  const values = { ordinal: 3, total_bytes: 2 ** 53 - 1, uuid: new TextEncoder().encode("GPU-é") as never };
  const bytes = encode(VR_DEVICE, values);
  const shifted = new Uint8Array(bytes.length + 8);
  shifted.set(bytes, 8);

  expect(decode(VR_DEVICE, shifted, 8)).toMatchObject({
    ordinal: 3,
    total_bytes: 2 ** 53 - 1,
    uuid: "GPU-é",
  });
});

test("a count of bytes that no machine has is a bug of the library, not a number", () => {
  const bytes = encode(VR_DEVICE, {});
  bytes.fill(0xff, 8, 16);

  expect(() => decode(VR_DEVICE, bytes)).toThrow("ERR_BUG");
});
