/**
 * The seal body: its fields, its one encoding, and the strict way back (docs/spec/seal-v1.md, section 4).
 *
 * @module
 */
import { assertBytes, equalBytes, reading, utf8 } from "@vram-residency/crypto";
import { type SealBody, VramError } from "@vram-residency/types";
import {
  type Checked,
  checkRecord,
  field,
  integer,
  oneOf,
  optional,
  printable,
  type Refuse,
  text,
} from "./shape.ts";

/** Longest encoded body. Unit: bytes. */
export const SEAL_BODY_BYTES_MAX = 4096;

const DIGEST = text("64 lowercase hexadecimal digits", /^[0-9a-f]{64}$/);
const RANDOM_16 = text("32 lowercase hexadecimal digits", /^[0-9a-f]{32}$/);
const COUNT = integer(0);
const SIZE = integer(1);

const TIME = {
  says: "a UTC time in RFC 3339 with milliseconds",
  holds: (value: unknown): boolean => {
    if (typeof value !== "string" || !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value)) return false;
    // The 30th of February has the pattern and is no day.
    const time = Date.parse(value);
    return !Number.isNaN(time) && new Date(time).toISOString() === value;
  },
};

const BODY = [
  field("v", oneOf(1)),
  field("kid", text('"k" and 16 lowercase hexadecimal digits', /^k[0-9a-f]{16}$/)),
  field("sealId", RANDOM_16),
  optional("supersedes", RANDOM_16),
  field("epoch", RANDOM_16),
  field("seq", COUNT),
  field("allocation", {
    record: [field("id", COUNT), field("generation", COUNT), field("nonce", RANDOM_16)],
  }),
  field("shard", { record: [field("id", text("a shard id", /^[A-Za-z0-9_-]{1,256}$/))] }),
  optional("group", { record: [field("id", RANDOM_16), field("index", COUNT), field("total", SIZE)] }),
  field("bytes", SIZE),
  field("identity", {
    record: [
      field("alg", oneOf("sha256")),
      field("digest", DIGEST),
      field("source", oneOf("computed", "cached")),
    ],
  }),
  field("residency", {
    record: [
      field("alg", oneOf("fsverity-sha256", "blake3")),
      field("digest", DIGEST),
      optional("block", oneOf(4096)),
    ],
  }),
  field("device", {
    record: [
      field("uuid", printable(128)),
      field("ordinal", integer(0, 255)),
      optional("pci", printable(64)),
      optional("mig", printable(128)),
      field("backend", oneOf("cuda", "mock")),
    ],
  }),
  optional("model", {
    record: [
      field("ref", printable(1024)),
      field("relation", oneOf("identical", "slice", "derived")),
      optional("range", { record: [field("offset", COUNT), field("bytes", COUNT)] }),
      optional("manifest", DIGEST),
    ],
  }),
  field("policy", DIGEST),
  field("evidence", DIGEST),
  field("sealedAt", TIME),
  field("mono", text("a decimal count of nanoseconds", /^(?:0|[1-9][0-9]{0,19})$/)),
  optional("maxAgeMs", SIZE),
];

/**
 * Writes a body in its one encoding: the fields of the table in their order, JSON without spaces, UTF-8.
 *
 * @returns Shape: at most 4096 bytes.
 * @throws {@link VramError} `ERR_INPUT_INVALID` for a body that {@link parseSealBody} would refuse.
 */
export function encodeSealBody(body: SealBody): Uint8Array {
  const refuse: Refuse = (name, says) => {
    const place = name === "" ? "body" : name;
    throw new VramError("ERR_INPUT_INVALID", `seal ${place}: expected ${says}`, {
      field: place,
      reason: `expected ${says}`,
    });
  };
  const bytes = write(reading("body", () => checkBody(body, refuse)));
  if (bytes.length > SEAL_BODY_BYTES_MAX) refuse("body", `at most ${SEAL_BODY_BYTES_MAX} bytes`);
  return bytes;
}

/**
 * Reads a body, and accepts only what {@link encodeSealBody} writes. Check the MAC first.
 *
 * Any JSON parser will do: what two of them could read differently (a name twice, escapes, blanks, numbers, ill-formed UTF-8)
 * is not what is written again, and is refused for that.
 *
 * @returns Frozen, and without a prototype: a missing field is never an inherited one.
 * @throws {@link VramError} `ERR_FORMAT_INVALID` with format "seal": "too-large"; "syntax" for what is no JSON; "field" for a
 * missing, unknown, ill-typed or contradictory one; "not-canonical" for another spelling.
 */
export function parseSealBody(bytes: Uint8Array): SealBody {
  const refuse = (rule: string, what: string): never => {
    throw new VramError("ERR_FORMAT_INVALID", `the seal body is refused: ${what}; seal the shard again`, {
      format: "seal",
      rule,
      offset: 0,
    });
  };
  assertBytes(bytes, "body");
  if (bytes.length > SEAL_BODY_BYTES_MAX)
    refuse("too-large", `expected at most ${SEAL_BODY_BYTES_MAX} bytes`);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    refuse("syntax", "expected JSON");
  }
  const body = checkBody(value, (name, says) => refuse("field", `expected ${says} as ${name || "body"}`));
  if (!equalBytes(write(body), bytes)) refuse("not-canonical", "expected the one canonical encoding");
  return body;
}

function checkBody(value: unknown, refuse: Refuse): SealBody & Checked {
  // The table above is the check that this cast rests on.
  const body = checkRecord(value, BODY, "", refuse) as SealBody & Checked;
  if (body.group && body.group.index >= body.group.total) refuse("group.index", "an index below the total");
  if (body.residency.block !== undefined && body.residency.alg === "blake3") {
    refuse("residency.block", "no block size with blake3");
  }
  if (body.model && (body.model.relation === "slice") !== (body.model.range !== undefined)) {
    refuse("model.range", "a range with a slice, and only with one");
  }
  return body;
}

function write(body: Checked): Uint8Array {
  return utf8(JSON.stringify(body));
}
