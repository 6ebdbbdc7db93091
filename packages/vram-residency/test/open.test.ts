import { afterAll, describe, expect, test } from "bun:test";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  computeDigest,
  computeSignature,
  deriveSealKey,
  hasCode,
  MemorySink,
  MockAllocator,
  openVram,
  RootSecret,
  type SealedShard,
  staticKeys,
  systemClock,
  systemRandom,
  systemTimers,
  type VramError,
  verifySignature,
} from "vram-residency";
import { mockControl } from "vram-residency/testing";
import { auditKeys } from "./audit-keys.ts";

const scratch = await mkdtemp(join(tmpdir(), "vram-residency-test-"));
afterAll(() => rm(scratch, { recursive: true, force: true }));

const bytes = Uint8Array.from({ length: 10_000 }, (_, index) => index % 251);
const ports = { clock: systemClock, timers: systemTimers, random: systemRandom };

async function failure(promise: Promise<unknown>): Promise<VramError> {
  try {
    await promise;
  } catch (error) {
    return error as VramError;
  }
  throw new Error("expected a rejection");
}

describe("openVram", () => {
  test("seals and verifies on the mock when it is named", async () => {
    await using vram = await openVram({ backend: "mock" });

    const shard = await vram.sealModel(bytes);
    const report = await vram.verifySealed(shard);

    expect(shard).toMatchObject({ backend: "mock", digest: computeDigest(bytes) });
    expect(report.bytesVerified).toBe(10_000);
    expect((await vram.attestResidency(shard)).kind).toBe("mock");
  });

  test("never takes the mock by itself", async () => {
    for (const options of [undefined, {}, { backend: "auto" as const }, { backend: "cuda" as const }]) {
      const error = await failure(openVram(options));
      expect(error).toMatchObject({ code: "ERR_DRIVER_UNAVAILABLE" });
      expect(error.message).toContain('backend "mock"');
    }
  });

  test("does not let an allocator of one kind stand in for the backend that was asked for", async () => {
    await using allocator = new MockAllocator(ports);

    const error = await failure(openVram({ backend: "cuda", allocator, audit: "memory" }));

    expect(error).toMatchObject({
      code: "ERR_POLICY_VIOLATION",
      detail: { reasons: [{ rule: "backend-as-requested" }] },
    });
  });

  test("refuses the mock under the strict policy", async () => {
    expect(await failure(openVram({ backend: "mock", policy: "strict" }))).toMatchObject({
      code: "ERR_POLICY_VIOLATION",
    });
  });

  test("names the field of a wrong option, and never its value", async () => {
    const secret = "hunter2hunter2";
    const wrong = [
      [{ backend: secret }, "backend"],
      [{ backend: "mock", mock: { devices: 17 } }, "mock.devices"],
      [{ mock: { devices: 1 } }, "mock"],
      [{ backend: "mock", config: { stagingBytes: secret } }, "config.stagingBytes"],
      [{ backend: "mock", config: { workerApiToken: secret } }, "config.workerApiToken"],
      [{ backend: "mock", policy: secret }, "policy"],
      [{ backend: "mock", allocator: {} }, "allocator"],
      [{ backend: "mock", nonsense: 1 }, undefined],
    ] as const;
    for (const [options, field] of wrong) {
      const error = await failure(openVram(options as never));
      expect(error.code).toBe("ERR_CONFIG_INVALID");
      if (field !== undefined) expect(error.detail).toMatchObject({ field });
      expect(error.message).not.toContain(secret);
    }
  });

  test("keeps a log in a directory, opened and closed", async () => {
    const directory = join(scratch, "audit");
    {
      await using vram = await openVram({ backend: "mock", audit: { directory, keys: auditKeys } });
      await vram.sealModel(bytes, { shardId: "a" });
    }

    const lines = (await readFile(join(directory, "00000000000000000000.jsonl"), "utf8"))
      .trimEnd()
      .split("\n");
    const types = lines.map((line) => (JSON.parse(line) as { type: string }).type);
    expect(types).toEqual([
      "LogOpened",
      "PolicyEvaluated",
      "VramAllocated",
      "VramSealed",
      "VramDeallocated",
      "LogClosed",
    ]);
  });

  test("says so when the log cannot be kept, and leaves no manager behind", async () => {
    const error = await failure(
      openVram({ backend: "mock", audit: { directory: import.meta.path, keys: auditKeys } }),
    );

    expect(error.code).toBe("ERR_AUDIT_UNAVAILABLE");
  });

  test("disposes what it made and leaves what it was given", async () => {
    const allocator = new MockAllocator(ports);
    const sink = new MemorySink(ports);
    const vram = await openVram({ backend: "mock", allocator, audit: sink });
    await vram.sealModel(bytes);

    await vram.close();

    expect(sink.state).toBe("ready");
    expect(mockControl(allocator).live()).toBe(0);
    expect(await allocator.devices()).toHaveLength(1);
    await allocator[Symbol.asyncDispose]();
    await sink[Symbol.asyncDispose]();
  });

  test("makes as many devices as it was asked for, each with its capacity", async () => {
    await using vram = await openVram({ backend: "mock", mock: { devices: 3, capacityBytes: 1 << 20 } });

    expect(vram.devices().map(({ device }) => device)).toEqual([0, 1, 2]);
    expect(await vram.capacity(2)).toMatchObject({
      totalBytes: 1 << 20,
      usedBytes: 0,
      availableBytes: 1 << 20,
    });
  });
});

describe("keys", () => {
  test("are random in each process unless they are given", async () => {
    await using first = await openVram({ backend: "mock" });
    await using second = await openVram({ backend: "mock" });
    const shard = await first.sealModel(bytes);

    const error = await failure(second.verifySealed(shard));

    expect(error).toMatchObject({ code: "ERR_SEAL_VERIFICATION", detail: { reason: "unknown-key" } });
  });

  test("that are given make a seal that the key alone can check", async () => {
    const secret = Uint8Array.from({ length: 32 }, (_, index) => index);
    await using vram = await openVram({ backend: "mock", keys: staticKeys([{ secret, state: "active" }]) });
    const shard = await vram.sealModel(bytes, { shardId: "a" });

    using root = new RootSecret(secret);
    const epoch = shard.seal.signatures[0].keyid.split(".")[1] ?? "";
    using key = deriveSealKey(root, { epoch: Uint8Array.from(Buffer.from(epoch, "hex")) });

    expect(verifySignature(shard, key).shard.id).toBe("a");
    expect(Buffer.from(computeSignature(shard, key)).toString("base64")).toBe(shard.seal.signatures[0].sig);
    expect(
      await failure(Promise.resolve().then(() => verifySignature({ ...shard, vramBytes: 1 }, key))),
    ).toMatchObject({
      detail: { reason: "fields-differ" },
    });
  });

  test("from a token work, and are bound to the token", async () => {
    const config = { workerApiToken: "a-token-of-at-least-thirty-two-bytes" };
    await using vram = await openVram({ backend: "mock", config });
    const shard: SealedShard = await vram.sealModel(bytes);

    expect((await vram.verifySealed(shard)).coverage).toBe(1);
    expect(JSON.stringify(shard)).not.toContain(config.workerApiToken);
  });
});

test("a flipped bit is found through the facade alone", async () => {
  const allocator = new MockAllocator(ports);
  await using vram = await openVram({ backend: "mock", allocator });
  const shard = await vram.sealModel(bytes);
  const control = mockControl(allocator);
  control.flipBit(control.find((await vram.attestResidency(shard)).stable.bufferId), 5000, 2);

  const error = await failure(vram.verifySealed(shard));

  expect(hasCode(error, "ERR_INTEGRITY") && error.detail.mismatches).toEqual([
    { offset: 4096, bytes: 4096, tensors: [] },
  ]);
});
