import fc from "fast-check";

const HEX = fc.constantFrom(..."0123456789abcdef");

/** Text that must never come back: long enough that finding a part of it in a message is no accident. */
const secrets: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: HEX, minLength: 30, maxLength: 70 }),
  fc.string({ unit: "binary", minLength: 8, maxLength: 40 }),
  fc.string({ unit: HEX, minLength: 8, maxLength: 20 }).map((text) => `/secret/${text}\n\u001b[31m`),
);

const numbers: fc.Arbitrary<number> = fc.oneof(
  fc.constantFrom(
    0,
    1,
    -1,
    255,
    256,
    2 ** 31 - 1,
    2 ** 31,
    2 ** 53 - 1,
    2 ** 53,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    -0,
    0.5,
  ),
  fc.maxSafeInteger(),
  fc.double(),
);

const leaves: fc.Arbitrary<unknown> = fc.oneof(
  secrets,
  numbers,
  fc.boolean(),
  fc.constantFrom<unknown>(null, undefined, 1n, Symbol("leaf"), "auto", "mock", "full", "strict", "memory"),
  fc.uint8Array({ maxLength: 4 }),
  fc.constant<unknown>(() => 0),
);

const NAMES = [
  ...[
    "gpuDevice",
    "maxModelBytes",
    "headroomBytes",
    "stagingBytes",
    "workerId",
    "deployment",
    "workerApiToken",
  ],
  ...[
    "maxSealAgeMs",
    "deadlineMs",
    "storeLeaves",
    "shardId",
    "modelRef",
    "group",
    "id",
    "index",
    "total",
    "shardIndex",
  ],
  ...["totalShards", "expectedDigest", "tensors", "name", "offset", "bytes", "dtype", "shape", "exportable"],
  ...[
    "payloadOffset",
    "signal",
    "onProgress",
    "mode",
    "backend",
    "mock",
    "devices",
    "capacityBytes",
    "config",
    "keys",
  ],
  ...["policy", "clock", "audit", "directory", "stream", "__proto__", "constructor", "toString"],
];

const anything: fc.Arbitrary<unknown> = fc.anything({
  key: fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...NAMES) }, { weight: 1, arbitrary: secrets }),
  values: [leaves],
  maxDepth: 3,
  maxKeys: 4,
  withNullPrototype: true,
  withMap: true,
  withSet: true,
  withDate: true,
  withTypedArray: true,
  withSparseArray: true,
});

/** Makes an object throw, change, or hide, in one of the ways an object can. */
function twisted(value: unknown, how: number): unknown {
  if (typeof value !== "object" || value === null) {
    return value;
  }
  const boom = (): never => {
    throw new Error(JSON.stringify("the trap spoke: 0123456789"));
  };
  switch (how) {
    case 0:
      return new Proxy(value, { ownKeys: boom });
    case 1:
      return new Proxy(value, { getOwnPropertyDescriptor: boom });
    case 2:
      return new Proxy(value, { get: boom, getPrototypeOf: boom });
    case 3:
      return Object.defineProperty({ ...value }, "gpuDevice", { get: boom, enumerable: true });
    case 4:
      return Object.create(value);
    default:
      return value;
  }
}

/** Values as an attacker, or a careless program, would hand them in. */
export const hostile: fc.Arbitrary<unknown> = fc.oneof(
  anything,
  fc.dictionary(fc.constantFrom(...NAMES), fc.oneof(leaves, anything), { maxKeys: 5 }),
  fc.tuple(anything, fc.nat(5)).map(([value, how]) => twisted(value, how)),
);

/** Every text of at least eight characters that is somewhere in a value, as far as it can be read. */
export function textsOf(value: unknown, depth = 6): string[] {
  if (typeof value === "string") {
    return value.length >= 8 ? [value] : [];
  }
  if (typeof value !== "object" || value === null || depth === 0) {
    return [];
  }
  try {
    return Object.values(value).flatMap((part) => textsOf(part, depth - 1));
  } catch {
    return [];
  }
}
