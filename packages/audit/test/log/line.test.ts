import { describe, expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import { auditEvent } from "@vram-residency/audit";
import { AuditRoot, deriveMacKey, LINE_BYTES_MAX, NO_PREVIOUS, parseLine } from "@vram-residency/audit/log";
import { CompactRange, fromHex, merkleLeaf, parseStrictJson, toHex, utf8 } from "@vram-residency/crypto";
import { lend } from "@vram-residency/crypto/secret";
import { type AuditEvent, hasCode } from "@vram-residency/types";
import fc from "fast-check";
import { copyMacKey, evolveMacKey } from "../../src/log/keys.ts";
import { LogWriterState } from "../../src/log/writer-state.ts";
import { expectError, thrownBy } from "./errors.ts";
import { bare, change, DEPLOYMENT, EPOCH, freshState, LOG, ROOT, WALL, writeLines } from "./fixtures.ts";

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const clock = { wall: WALL, mono: 0n };
const [LINE = new Uint8Array(0)] = writeLines(freshState(), 1);
const SOUND = text(bare(LINE));

function ruleOf(line: string | Uint8Array): string {
  const error = thrownBy(() => parseLine(typeof line === "string" ? utf8(line) : line));
  expect(error.code).toBe("ERR_FORMAT_INVALID");
  return "rule" in error.detail ? error.detail.rule : "";
}

describe("a line", () => {
  test("has these very bytes, and the MAC of all before its own member", () => {
    const covered =
      `{"v":1,"log":"${LOG}","seq":0,"epoch":"${EPOCH}","time":"2026-01-01T00:00:00.000Z","mono":"0",` +
      `"type":"PolicyChanged","severity":"warning","data":{"from":"from 0","to":"to \\"é\\" \\\\"},` +
      `"prev":"${NO_PREVIOUS}"`;
    const key = fromHex("b47d8ccd339e65954c42ad05fa14103c3f610d796380bed33bda3ff3809f2d97");
    const mac = createHmac("sha256", key).update(`vram-audit/v1\n${covered}`).digest("hex");

    expect(text(LINE)).toBe(`${covered},"mac":"${mac}"}\n`);
    expect(text(LINE).slice(-75, -1)).toBe(`,"mac":"${mac}"}`);
  });

  test("is read back as what was written", () => {
    const data = { from: "from 0", to: 'to "é" \\' };
    const { mac, ...rest } = parseLine(bare(LINE));

    expect<unknown>({ ...rest, data: { ...rest.data } }).toEqual({
      log: LOG,
      seq: 0,
      epoch: EPOCH,
      time: "2026-01-01T00:00:00.000Z",
      mono: "0",
      type: "PolicyChanged",
      severity: "warning",
      data,
      prev: NO_PREVIOUS,
    });
    expect(text(LINE)).toContain(mac);
  });

  test("of any event that auditEvent makes is read back the same", () => {
    const name = fc
      .stringMatching(/^[A-Za-z][A-Za-z0-9_.]{0,8}$/)
      .filter((it) => it !== "mac" && it !== "prev");
    const scalar = fc.oneof(
      fc.string({ unit: "grapheme" }),
      fc.maxSafeInteger(),
      fc.boolean(),
      fc.constant(null),
    );
    const value = fc.oneof(scalar, fc.array(scalar), fc.dictionary(name, scalar));
    fc.assert(
      fc.property(fc.dictionary(name, value), (data) => {
        let event: AuditEvent;
        try {
          event = auditEvent("PolicyChanged", data as never);
        } catch {
          return;
        }
        const line = parseLine(bare(freshState().append(event, clock).bytes));
        expect(JSON.stringify(line.data)).toBe(JSON.stringify(event.data));
      }),
    );
  });

  test("is refused with a field that is missing, added, of another order, type or spelling", () => {
    const edits: readonly [string | RegExp, string, string][] = [
      ['"v":1', '"v":2', "head"],
      ['"v":1,', "", "head"],
      ['{"v"', '{ "v"', "head"],
      ['"seq":0', '"seq":"0"', "head"],
      ['"seq":0', '"seq":00', "head"],
      ['"seq":0', '"seq":-0', "head"],
      ['"seq":0', '"seq":9007199254740993', "seq"],
      [/"log":"(.{32})",("seq":0),/, '$2,"log":"$1",', "head"],
      ['"log":"1d', '"log":"1D', "head"],
      ["2026-01-01T", "2026-02-30T", "time"],
      ["000Z", "000+00:00", "head"],
      ['"mono":"0"', '"mono":"00"', "head"],
      ['"mono":"0"', '"mono":0', "head"],
      ['"warning"', '"fatal"', "head"],
      ['"severity"', '"x":1,"severity"', "head"],
      ['"data":{', '"data":[{', "head"],
      [/"data":\{.*\},"prev"/, '"data":null,"prev"', "head"],
      [',"prev":', ',"x":1,"prev":', "trailing-data"],
      [/\}$/, ',"x":1}', "tail"],
      [/\}$/, "} ", "tail"],
      [/,"mac".*/, "}", "tail"],
      ["from 0", "from\\u202e0", "data"],
      ["from 0", "from\\n0", "data"],
      ["from 0", "a".repeat(1025), "data"],
      ['"from":"from 0"', '"from":0.5', "data"],
      ['"from":', '"mac":', "data"],
      ['"from":', '"prev":', "data"],
      ['"from":"from 0"', '"from":[{"mac":1}]', "data"],
      ['"from":', '"1from":', "data"],
      ['"from":', '"to":1,"from":', "duplicate-name"],
    ];
    for (const [find, replacement, rule] of edits) {
      const edited = SOUND.replace(find, replacement);
      expect(edited).not.toBe(SOUND);
      expect([find, replacement, ruleOf(edited)]).toEqual([find, replacement, rule]);
    }
  });

  test("has data that strict JSON accepts and no other, however it is spelled", () => {
    const strict = (data: string): unknown => {
      const value = parseStrictJson(data, { format: "audit line", maxBytes: LINE_BYTES_MAX, maxDepth: 9 });
      try {
        auditEvent("PolicyChanged", JSON.parse(data));
      } catch {
        return "refused";
      }
      return JSON.stringify(value);
    };
    const value = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { depthSize: "medium", maxDepth: 10 },
        fc.constantFrom(
          '"x"',
          '"\\u0041"',
          '"\\ud800"',
          '"\u202e"',
          "0",
          "-0",
          "1.0",
          "1e2",
          "0.5",
          "1e21",
          "true",
          "null",
        ),
        fc.array(tie("value"), { maxLength: 2 }).map((items) => `[${items.join(",")}]`),
        fc
          .array(fc.tuple(fc.constantFrom("a", "b", "mac", "__proto__", "toJSON", "1"), tie("value")), {
            maxLength: 3,
          })
          .map((members) => `{${members.map(([name, member]) => `"${name}":${String(member)}`).join(",")}}`),
      ),
    }));
    fc.assert(
      fc.property(value.value.map(String), fc.nat(), fc.constantFrom("", "", " "), (inner, at, space) => {
        const whole = `{"a":${inner}}`;
        const cut = 1 + (at % whole.length);
        const data = whole.slice(0, cut) + space + whole.slice(cut);
        const outcome = (read: () => unknown): unknown => {
          try {
            return read();
          } catch {
            return "refused";
          }
        };
        const read = outcome(() =>
          JSON.stringify(parseLine(utf8(SOUND.replace(/\{"from".*?\}/, () => data))).data),
        );
        expect(read).toBe(outcome(() => strict(data)));
      }),
      { numRuns: 1000 },
    );
  });

  test("has data without a prototype, whose names would be taken for its own", () => {
    const nested = parseLine(utf8(SOUND.replace('"from 0"', '{"a":[{"b":{}}]}'))).data["from"];
    expect(JSON.stringify(nested)).toBe('{"a":[{"b":{}}]}');
    for (const data of [parseLine(utf8(SOUND)).data, nested]) {
      expect(data !== undefined && data !== null && "constructor" in (data as object)).toBe(false);
    }
  });

  test("has data with at most eight levels below it", () => {
    const nested = (levels: number): string =>
      SOUND.replace('"from 0"', `${"[".repeat(levels)}1${"]".repeat(levels)}`);
    expect(parseLine(utf8(nested(8))).seq).toBe(0);
    for (const levels of [9, 5000]) expect(ruleOf(nested(levels))).toBe("depth");
  });

  test("has a time that exists", () => {
    const ruleAt = (time: string): string | undefined => {
      try {
        parseLine(utf8(SOUND.replace("2026-01-01T00:00:00.000Z", time)));
        return undefined;
      } catch (error) {
        return hasCode(error, "ERR_FORMAT_INVALID") ? error.detail.rule : "?";
      }
    };
    const two = (number: number): string => String(number).padStart(2, "0");
    for (const year of ["0000", "1900", "2000", "2023", "2024"]) {
      for (let index = 0; index < 14 * 33; index += 1) {
        const time = `${year}-${two(Math.floor(index / 33))}-${two(index % 33)}T23:59:59.999Z`;
        const ms = Date.parse(time);
        const exists = !Number.isNaN(ms) && new Date(ms).toISOString() === time;
        expect([time, ruleAt(time)]).toEqual([time, exists ? undefined : "time"]);
      }
    }
    for (const clock of ["24:00:00.000", "00:60:00.000", "00:00:60.000", "25:00:00.000"]) {
      for (const day of ["2026-01-01", "2026-01-31"]) expect(ruleAt(`${day}T${clock}Z`)).toBe("time");
    }
  });

  test("is refused cut at any byte, and when its bytes are no UTF-8", () => {
    for (let length = 0; length < LINE.length - 1; length += 1) ruleOf(LINE.subarray(0, length));
    expect(ruleOf(bare(LINE).map((byte) => (byte === 0xc3 ? 0xff : byte)))).toBe("utf8");
    expect(ruleOf(LINE)).toBe("tail");
  });

  test("of 16 KiB is written and read; of one byte more, neither", () => {
    const state = freshState();
    const filled = (length: number): AuditEvent => {
      const texts = Array.from({ length: 15 }, () => "x".repeat(1000));
      return auditEvent("PolicyChanged", { from: [...texts, "x".repeat(length)], to: "" } as never);
    };
    const spare = LINE_BYTES_MAX - bare(state.fork().append(filled(0), clock).bytes).length;
    const { bytes } = state.fork().append(filled(spare), clock);

    expect(bytes.length).toBe(LINE_BYTES_MAX + 1);
    expect(parseLine(bare(bytes)).seq).toBe(0);
    expectError(() => state.append(filled(spare + 1), clock), "ERR_INPUT_INVALID", { field: "data" });
    expect(state.size).toBe(0);
    expect(ruleOf(text(bare(bytes)).replace("xx", "xxx"))).toBe("too-large");
  });
});

describe("the writer's state", () => {
  test("numbers without gaps, chains by leaf hashes, and grows the tree over the same leaves", () => {
    const state = freshState();
    const tree = new CompactRange();
    let prev = NO_PREVIOUS;
    for (const [seq, line] of writeLines(state, 20).entries()) {
      expect(parseLine(bare(line))).toMatchObject({ seq, prev });
      const leaf = merkleLeaf(bare(line));
      tree.append(leaf);
      prev = toHex(leaf);
    }
    expect(toHex(state.tree.root())).toBe(toHex(tree.root()));
    expect([state.size, state.inEpoch]).toEqual([20, 20]);
  });

  test("takes a new key after every 256 lines of its epoch, and the old one is gone", () => {
    const state = freshState();
    const lines = writeLines(state, 513);
    let key = deriveMacKey(new AuditRoot(ROOT), EPOCH, DEPLOYMENT);
    for (const [index, line] of lines.entries()) {
      if (index === 256 || index === 512) key = evolveMacKey(key);
      const covered = bare(line).subarray(0, -74);
      const mac = lend(key, (secret) =>
        createHmac("sha256", secret).update("vram-audit/v1\n").update(covered),
      );
      expect([index, parseLine(bare(line)).mac]).toEqual([index, mac.digest("hex")]);
    }

    const own = deriveMacKey(new AuditRoot(ROOT), EPOCH, DEPLOYMENT);
    writeLines(new LogWriterState({ log: LOG, epoch: EPOCH, macKey: own }), 257);
    expectError(() => copyMacKey(own), "ERR_STATE");
  });

  test("goes on in a later epoch where the log ended", () => {
    const first = freshState();
    const lines = writeLines(first, 3);
    const prev = toHex(merkleLeaf(bare(lines[2] ?? LINE)));
    const epoch = "0e".repeat(16);
    const macKey = deriveMacKey(new AuditRoot(ROOT), epoch, DEPLOYMENT);
    const second = new LogWriterState({ log: LOG, epoch, macKey, tree: first.tree, prev });

    expect(parseLine(bare(second.append(change(3), clock).bytes))).toMatchObject({ seq: 3, prev, epoch });
    expect([second.size, second.inEpoch, first.size]).toEqual([4, 1, 3]);
    expectError(() => new LogWriterState({ log: LOG, epoch, macKey, prev }), "ERR_BUG");
    expectError(() => new LogWriterState({ log: LOG, epoch, macKey, tree: first.tree }), "ERR_BUG");
  });

  test("forks: what is written on a fork that is thrown away was never written", () => {
    const state = freshState();
    writeLines(state, 255);
    const fork = state.fork();
    const lost = writeLines(fork, 3);
    fork[Symbol.dispose]();

    expect(writeLines(state, 3)).toEqual([...lost]);
    expectError(() => writeLines(fork, 1), "ERR_STATE");
  });

  test("takes no event that auditEvent would refuse, and no clock out of range, and stays as it was", () => {
    const state = freshState();
    const forged = { type: "PolicyChanged", severity: "info", data: { mac: "1" } } as const;
    expectError(() => state.append(forged, clock), "ERR_INPUT_INVALID");
    for (const wall of [Number.NaN, 0.5, 253402300800000, -62167219200001]) {
      expectError(() => state.append(change(0), { wall, mono: 0n }), "ERR_INPUT_INVALID", { field: "clock" });
    }
    for (const mono of [-1n, 10n ** 20n]) {
      expectError(() => state.append(change(0), { wall: WALL, mono }), "ERR_INPUT_INVALID", {
        field: "clock",
      });
    }
    for (const wall of [253402300799999, -62167219200000]) {
      parseLine(bare(state.append(change(0), { wall, mono: 10n ** 20n - 1n }).bytes));
    }
    expect(state.size).toBe(2);
  });

  test("judges severity itself", () => {
    const event = { type: "AuditGap", severity: "info", data: {} } as const;
    expect(parseLine(bare(freshState().append(event, clock).bytes)).severity).toBe("critical");
  });

  test("makes the same lines with the portable hashes", () => {
    const macKey = deriveMacKey(new AuditRoot(ROOT), EPOCH, DEPLOYMENT);
    const portable = new LogWriterState({ log: LOG, epoch: EPOCH, macKey });
    expect(writeLines(portable, 3)).toEqual([...writeLines(freshState(), 3)]);
  });
});
