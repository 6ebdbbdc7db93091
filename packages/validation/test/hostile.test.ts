import { afterEach, describe, expect, test } from "bun:test";
import { parseByteSource, parseConfig, parseOpenOptions, parseSealOptions } from "@vram-residency/validation";
import { refusalOf } from "./refused.ts";

const KNOWN =
  "known are gpuDevice, maxModelBytes, headroomBytes, stagingBytes, workerId, deployment, workerApiToken, maxSealAgeMs, deadlineMs, storeLeaves";

describe("a hostile object", () => {
  afterEach(() => {
    Reflect.deleteProperty(Object.prototype, "gpuDevice");
  });

  test("cannot set a field through an own __proto__ key", () => {
    const input: unknown = JSON.parse('{"__proto__": {"gpuDevice": 7}}');

    expect(refusalOf(() => parseConfig(input))).toBe(`ERR_CONFIG_INVALID config: unknown key: ${KNOWN}`);
  });

  test("gains nothing from keys that every object inherits", () => {
    for (const key of ["constructor", "toString", "hasOwnProperty", "valueOf"]) {
      expect(refusalOf(() => parseConfig({ [key]: 1 }))).toBe(
        `ERR_CONFIG_INVALID config: unknown key ${key}: ${KNOWN}`,
      );
    }
  });

  test("is not read through its prototype", () => {
    const reason = "config: expected a plain object, not an instance of a class";
    class Settings {
      readonly gpuDevice = 7;
    }

    expect(refusalOf(() => parseConfig(Object.create({ gpuDevice: 7 })))).toBe(
      `ERR_CONFIG_INVALID ${reason}`,
    );
    expect(refusalOf(() => parseConfig(new Settings()))).toBe(`ERR_CONFIG_INVALID ${reason}`);
    expect(refusalOf(() => parseConfig(Object.create(Object.create(null))))).toBe(
      `ERR_CONFIG_INVALID ${reason}`,
    );
    expect(refusalOf(() => parseConfig(new Map()))).toBe(`ERR_CONFIG_INVALID ${reason}`);
  });

  test("may have no prototype at all", () => {
    expect(parseConfig(Object.assign(Object.create(null), { gpuDevice: 7 })).gpuDevice).toBe(7);
  });

  test("leaves defaults alone when Object.prototype is polluted", () => {
    Reflect.set(Object.prototype, "gpuDevice", 7);

    expect(Object.getOwnPropertyDescriptor(parseConfig({}), "gpuDevice")?.value).toBe(0);
    expect(parseConfig({ gpuDevice: 3 }).gpuDevice).toBe(3);
  });

  test("has its getters refused, not run", () => {
    let runs = 0;
    const input = {
      get gpuDevice(): number {
        runs += 1;
        throw new Error("boom");
      },
    };

    expect(refusalOf(() => parseConfig(input))).toBe(
      "ERR_CONFIG_INVALID gpuDevice: expected a plain value, not a getter",
    );
    expect(runs).toBe(0);
  });

  test("is asked for each property once", () => {
    const asked: PropertyKey[] = [];
    const input = new Proxy(
      { gpuDevice: 1, workerId: "w" },
      {
        getOwnPropertyDescriptor(target, key) {
          asked.push(key);
          return Reflect.getOwnPropertyDescriptor(target, key);
        },
        get: () => {
          throw new Error("read again");
        },
      },
    );

    expect(parseConfig(input).gpuDevice).toBe(1);
    expect(asked).toEqual(["gpuDevice", "workerId"]);
  });

  test("cannot put words of its own into the error", () => {
    const secret = "the-root-secret";
    const boom = (): never => {
      throw Object.assign(new Error(secret), {
        code: "ERR_INPUT_INVALID",
        detail: { field: secret, reason: secret },
      });
    };
    const traps = [
      new Proxy({}, { ownKeys: boom }),
      new Proxy({}, { getPrototypeOf: boom }),
      new Proxy({ gpuDevice: 1 }, { getOwnPropertyDescriptor: boom }),
    ];

    for (const input of traps) {
      expect(refusalOf(() => parseConfig(input))).toBe("ERR_CONFIG_INVALID config: cannot be read");
    }
  });

  test("may be a revoked Proxy", () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();

    expect(refusalOf(() => parseConfig(proxy))).toBe("ERR_CONFIG_INVALID config: cannot be read");
    expect(refusalOf(() => parseByteSource(proxy))).toBe("ERR_INPUT_INVALID source: cannot be read");
    expect(refusalOf(() => parseSealOptions({ tensors: proxy }))).toBe(
      "ERR_INPUT_INVALID tensors: cannot be read",
    );
    expect(refusalOf(() => parseSealOptions({ signal: proxy }))).toBe(
      "ERR_INPUT_INVALID signal: cannot be read",
    );
    for (const field of ["keys", "clock", "audit", "mock"]) {
      expect(refusalOf(() => parseOpenOptions({ [field]: proxy }))).toStartWith(
        `ERR_CONFIG_INVALID ${field}: `,
      );
    }
  });

  test("may not have symbols as keys", () => {
    expect(refusalOf(() => parseConfig({ [Symbol("gpuDevice")]: 1 }))).toBe(
      "ERR_CONFIG_INVALID config: has a symbol as a key: use the documented names",
    );
  });

  test("has an unknown key named only when the name is safe to repeat", () => {
    for (const key of ["gpu device", "x".repeat(33), "a\u001b[31m", "9lives", "ключ", "_private", ""]) {
      expect(refusalOf(() => parseConfig({ [key]: 1 }))).toBe(
        `ERR_CONFIG_INVALID config: unknown key: ${KNOWN}`,
      );
    }
    expect(refusalOf(() => parseConfig({ gpuDevcie: 1 }))).toBe(
      `ERR_CONFIG_INVALID config: unknown key gpuDevcie: ${KNOWN}`,
    );
  });

  test("cannot hide an unknown key by making it non-enumerable", () => {
    const input = Object.defineProperty({}, "gpuDevcie", { value: 1, enumerable: false });

    expect(refusalOf(() => parseConfig(input))).toStartWith(
      "ERR_CONFIG_INVALID config: unknown key gpuDevcie",
    );
  });

  test("changes nothing by changing afterwards", () => {
    const tensors = [{ name: "a", offset: 0, bytes: 4, shape: [2, 2] }];
    const parsed = parseSealOptions({ tensors });
    tensors[0]?.shape.push(9);
    tensors.push({ name: "b", offset: 4, bytes: 4, shape: [] });

    expect(parsed.tensors).toEqual([{ name: "a", offset: 0, bytes: 4, shape: [2, 2] }]);
  });

  test("may not be an array with holes, getters, or a length that is none", () => {
    const withGetter: unknown[] = [];
    Object.defineProperty(withGetter, "0", {
      get: () => ({ name: "a", offset: 0, bytes: 1 }),
      enumerable: true,
    });
    const withHole: unknown[] = [];
    withHole[1] = { name: "a", offset: 0, bytes: 1 };
    const strangeLength = new Proxy([], {
      getOwnPropertyDescriptor: (target, key) => ({
        ...Reflect.getOwnPropertyDescriptor(target, key),
        configurable: false,
        value: "many",
      }),
    });

    expect(refusalOf(() => parseSealOptions({ tensors: withHole }))).toBe(
      "ERR_INPUT_INVALID tensors[0]: expected an object",
    );
    expect(refusalOf(() => parseSealOptions({ tensors: withGetter }))).toBe(
      "ERR_INPUT_INVALID tensors[0]: expected a plain value, not a getter",
    );
    expect(refusalOf(() => parseSealOptions({ tensors: strangeLength }))).toBe(
      "ERR_INPUT_INVALID tensors: expected at most 1000000 elements",
    );
  });
});
