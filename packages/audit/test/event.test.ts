import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { type AuditEventData, auditEvent, severityOf } from "@vram-residency/audit";
import { AUDIT_EVENT_TYPES, type AuditEventType, hasCode, type SealRefusal } from "@vram-residency/types";
import fc from "fast-check";
import { refusal } from "./failure.ts";

const opened = (sink: unknown): (() => unknown) => {
  const data = { sink, tamperEvident: false } as AuditEventData["LogOpened"];
  return () => auditEvent("LogOpened", data);
};

/** Builds an event from data whose shape nobody vouches for. */
const raw = (data: unknown): (() => unknown) => {
  return () => auditEvent("PolicyChanged", data as AuditEventData["PolicyChanged"]);
};

describe("auditEvent", () => {
  test("copies and freezes all the way down", () => {
    const mismatches = [{ offset: 0, bytes: 4096, tensors: ["a"] }];
    const { data } = auditEvent("SealVerificationFailed", {
      shardId: "a",
      reason: "content",
      count: 1,
      mismatches,
      workerId: "w",
    });
    mismatches.pop();

    expect(data["mismatches"]).toEqual([{ offset: 0, bytes: 4096, tensors: ["a"] }]);
    const pending: unknown[] = [data];
    for (let value = pending.pop(); value !== undefined; value = pending.pop()) {
      expect(Object.isFrozen(value)).toBe(true);
      if (typeof value === "object" && value !== null) pending.push(...Object.values(value));
    }
  });

  test("leaves out fields that are undefined, and keeps null and the order", () => {
    const data = { z: null, a: 1, gone: undefined, m: [true, null] };

    expect(JSON.stringify(raw(data)())).toBe(
      '{"type":"PolicyChanged","severity":"warning","data":{"z":null,"a":1,"m":[true,null]}}',
    );
  });

  test("takes text of at most 1024 characters without controls, bidi characters or lone surrogates", () => {
    expect(refusal(opened("a".repeat(1024)))).toBe("accepted");
    for (const text of [
      "a".repeat(1025),
      "a\n",
      "\u0000",
      "\u202e",
      "\u061c",
      "\ud800",
      "\u2028",
      "\ufeff",
    ]) {
      expect(refusal(opened(text))).toBe(
        "LogOpened.sink: holds control characters or is over 1024 characters",
      );
    }
  });

  test("takes safe integers only, and writes -0 as 0", () => {
    for (const number of [Number.NaN, Number.POSITIVE_INFINITY, 0.5, 2 ** 53, -(2 ** 53)]) {
      expect(refusal(opened(number))).toBe("LogOpened.sink: not a safe integer");
    }
    const { data } = auditEvent("LogClosed", { records: -0 });
    expect(Object.is(data["records"], 0)).toBe(true);
  });

  test("takes plain data only", () => {
    for (const value of [() => 1, Symbol("a"), 1n, [undefined], Array(2)]) {
      expect(refusal(opened(value))).toBe("LogOpened.sink: not plain data");
    }
    for (const value of [new Date(), new Map(), new Uint8Array(2), Object("a"), new (class A {})()]) {
      expect(refusal(opened(value))).toBe("LogOpened.sink: not a plain object");
    }
    for (const value of [null, [], "a", 1, undefined, new Map()]) {
      expect(refusal(raw(value))).toBe("PolicyChanged: not a plain object");
    }
  });

  test("refuses the names of the record's own last fields at any depth, and odd names", () => {
    for (const name of ["mac", "prev", "", "__proto__", "1a", "a b", "a\n", "_a", "a-b", "\u00e4"]) {
      const holder: unknown = JSON.parse(`{${JSON.stringify(name)}:1}`);
      expect(refusal(raw(holder))).toBe("PolicyChanged: holds a reserved or odd name");
      expect(refusal(raw({ from: [holder] }))).toBe("PolicyChanged.from: holds a reserved or odd name");
    }
    expect(refusal(raw({ Mac: 1, previous: 2, "a.b_9": 3 }))).toBe("accepted");
  });

  test("takes eight levels below the data, and refuses nine and cycles", () => {
    const nested = (levels: number): unknown => (levels === 0 ? 1 : { a: nested(levels - 1) });
    const cycle: { self?: unknown } = {};
    cycle.self = cycle;

    expect(refusal(raw(nested(8)))).toBe("accepted");
    expect(refusal(raw(nested(9)))).toBe(`PolicyChanged${".a".repeat(9)}: nested too deep`);
    expect(refusal(raw(cycle))).toEndWith("nested too deep");
  });

  test("is not led astray by prototypes, own methods of arrays, or getters that change their answer", () => {
    const array = Object.assign(["a"], { map: () => ["\u202e"], toJSON: () => "\u202e" });
    let asked = 0;
    const data = {
      shardId: "a",
      count: 1,
      workerId: "w",
      from: array,
      get reason(): SealRefusal {
        asked += 1;
        return asked === 1 ? "content" : "malformed";
      },
    };
    const event = auditEvent("SealVerificationFailed", data);

    expect(event.data).toMatchObject({ reason: "content", from: ["a"] });
    expect(JSON.stringify(event)).not.toContain("\u202e");
    expect(event.severity).toBe("critical");
    const bare = Object.assign(Object.create(null) as object, { from: "a", to: "b" });
    expect(raw(bare)()).toMatchObject({ data: { from: "a", to: "b" } });
  });

  test("refuses a type that is not in the catalogue, inherited names included", () => {
    for (const type of ["Nothing", "constructor", "__proto__", "toString", ""]) {
      expect(refusal(() => auditEvent(type as AuditEventType, { records: 1 }))).toBe(
        "type: not an event of the catalogue",
      );
    }
  });

  test("accepts or refuses arbitrary data as a whole, and what it accepts survives JSON unchanged", () => {
    const anything = fc.anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withNullPrototype: true,
      withSparseArray: true,
      withTypedArray: true,
      withUnicodeString: true,
    });
    fc.assert(
      fc.property(anything, (value) => {
        let event: unknown;
        try {
          event = raw({ from: value })();
        } catch (error) {
          expect(hasCode(error, "ERR_INPUT_INVALID")).toBe(true);
          return;
        }
        expect(JSON.parse(JSON.stringify(event))).toEqual(event);
      }),
    );
  });
});

describe("severity", () => {
  /** By hand, from the specification. */
  const CRITICAL = [
    "PolicyViolation",
    "ShardQuarantined",
    "DeviceQuarantined",
    "VramLost",
    "AuditUnavailable",
    "AuditGap",
  ];
  const WARNING = [
    "VramAllocationFailed",
    "PolicyChanged",
    "ShardRepaired",
    "LeaseRevoked",
    "KeyRotated",
    "AuditKeyRotated",
    "ClockSkew",
  ];
  const BY_DATA = ["SealVerificationFailed", "VramDeallocated", "AuditRecovered"];

  test("is fixed for every type but three", () => {
    for (const type of AUDIT_EVENT_TYPES) {
      if (BY_DATA.includes(type)) continue;
      const expected = CRITICAL.includes(type) ? "critical" : WARNING.includes(type) ? "warning" : "info";
      expect([type, severityOf(type, {} as AuditEventData[typeof type])]).toEqual([type, expected]);
    }
  });

  test("of a failed verification is critical for content and evidence, and a warning for every other reason", () => {
    const reasons = {
      malformed: "warning",
      "unknown-key": "warning",
      "revoked-key": "warning",
      "bad-mac": "warning",
      "stale-epoch": "warning",
      "fields-differ": "warning",
      "stale-generation": "warning",
      "wrong-device": "warning",
      "not-issued": "warning",
      evidence: "critical",
      policy: "warning",
      age: "warning",
      content: "critical",
    } satisfies Record<SealRefusal, string>;

    for (const [reason, severity] of Object.entries(reasons)) {
      const data = { shardId: "a", reason: reason as SealRefusal, count: 1, workerId: "w" };
      expect([reason, auditEvent("SealVerificationFailed", data).severity]).toEqual([reason, severity]);
    }
  });

  test("of a deallocation is critical unless the memory is known to be wiped", () => {
    for (const wiped of [true, false, "unknown"] as const) {
      const { severity } = auditEvent("VramDeallocated", {
        shardId: "a",
        gpuDevice: 0,
        reason: "released",
        wiped,
        freedBytes: 1,
        usedBytes: 0,
        madeWritable: true,
        workerId: "w",
      });
      expect(severity).toBe(wiped === true ? "info" : "critical");
    }
  });

  test("of a recovery is critical when good records followed the damage", () => {
    expect(auditEvent("AuditRecovered", { lastSeq: 1, suspect: true }).severity).toBe("critical");
    expect(auditEvent("AuditRecovered", { lastSeq: 1, suspect: false }).severity).toBe("warning");
  });
});

test("docs/spec/audit-events.md has one row for every event, in the order of the catalogue, with its severity", () => {
  const page = readFileSync(new URL("../../../docs/spec/audit-events.md", import.meta.url), "utf8");
  const rows = [...page.matchAll(/^\| `(\w+)` \| (\w+)/gm)];

  expect(rows.map(([, type]) => type)).toEqual([...AUDIT_EVENT_TYPES]);
  for (const type of AUDIT_EVENT_TYPES) {
    const severity = severityOf(type, { wiped: true } as unknown as AuditEventData[typeof type]);
    expect(rows.find(([, name]) => name === type)?.[2]).toBe(severity);
  }
});
