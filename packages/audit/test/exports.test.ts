import { expect, test } from "bun:test";
import * as audit from "@vram-residency/audit";

test("exports exactly the documented names", () => {
  expect(Object.keys(audit).sort()).toEqual([
    "JsonlSink",
    "MemorySink",
    "TEXT_LENGTH_MAX",
    "auditEvent",
    "isPrintable",
    "printable",
    "severityOf",
  ]);
});
