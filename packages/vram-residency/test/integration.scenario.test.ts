import { describe, expect, test } from "bun:test";
import {
  hasCode,
  MockAllocator,
  openVram,
  systemRandom,
  systemTimers,
  type VramManager,
} from "vram-residency";
import { mockControl } from "vram-residency/testing";
import { failure, type Recorded, recorder } from "./recorder.ts";

const MIB = 1 << 20;
const BYTES: Uint8Array = Uint8Array.from({ length: MIB }, (_, index) => index % 251);

async function tenMib(): Promise<{ vram: VramManager; recorded: Recorded; allocator: MockAllocator }> {
  const recorded = recorder();
  const allocator = new MockAllocator({
    capacityBytes: 10 * MIB,
    timers: systemTimers,
    random: systemRandom,
  });
  return {
    vram: await openVram({ backend: "mock", allocator, audit: recorded.sink }),
    recorded,
    allocator,
  };
}

describe("through the facade", () => {
  test("shared_crate_integration/01: an id of punctuation is refused by the shared rule, with the field and the rule", async () => {
    const { vram } = await tenMib();

    const error = await failure(vram.sealModel(BYTES, { shardId: "@#$%" }));
    await vram.close();

    expect(error).toMatchObject({ code: "ERR_INPUT_INVALID", detail: { field: "shardId" } });
    expect(error.message).toContain("A-Z, a-z, 0-9, _ and -");
  });

  test("shared_crate_integration/02: a path as id or model name is refused without being repeated, and a climbing name is told so", async () => {
    const { vram, recorded } = await tenMib();
    const before = recorded.events.length;

    const id = await failure(vram.sealModel(BYTES, { shardId: "../etc/passwd" }));
    const model = await failure(vram.sealModel(BYTES, { modelRef: "org/../../etc/passwd" }));

    expect(id).toMatchObject({ code: "ERR_INPUT_INVALID", detail: { field: "shardId" } });
    expect(model).toMatchObject({ detail: { field: "modelRef", reason: 'expected a name without ".."' } });
    expect(id.message + model.message).not.toContain("passwd");
    expect(recorded.events).toHaveLength(before);
    await vram.close();
  });

  test("shared_crate_integration/03: sealing 1 MiB is recorded with id, device and size", async () => {
    const { vram, recorded } = await tenMib();

    await vram.sealModel(BYTES, { shardId: "layer-0" });
    await vram.close();

    expect(recorded.of("VramSealed")).toEqual([
      expect.objectContaining({ shardId: "layer-0", gpuDevice: 0, bytes: 1_048_576 }),
    ]);
  });

  test("shared_crate_integration/04: a changed digest is refused with a warning, changed memory with a critical record", async () => {
    const { vram, recorded, allocator } = await tenMib();
    const shard = await vram.sealModel(BYTES);

    const edited = await failure(vram.verifySealed({ ...shard, digest: "a".repeat(64) }));
    const control = mockControl(allocator);
    control.flipBit(control.find((await vram.attestResidency(shard)).stable.bufferId), 4096, 0);
    const corrupt = await failure(vram.verifySealed(shard));
    await vram.close();

    expect(hasCode(edited, "ERR_SEAL_VERIFICATION") && edited.detail.reason).toBe("fields-differ");
    expect(corrupt.code).toBe("ERR_INTEGRITY");
    expect(
      recorded.events
        .filter(({ type }) => type === "SealVerificationFailed")
        .map(({ data, severity }) => [data["reason"], severity]),
    ).toEqual([
      ["fields-differ", "warning"],
      ["content", "critical"],
    ]);
  });

  test("shared_crate_integration/05: a token of 13 bytes is refused; one of 36 makes keys, and shows up nowhere but as a key id", async () => {
    const short = "test-token-42";
    const long = "test-token-42-and-twenty-more-bytes!";
    const refused = await failure(openVram({ backend: "mock", config: { workerApiToken: short } }));
    const recorded = recorder();
    const vram = await openVram({
      backend: "mock",
      config: { workerApiToken: long },
      audit: recorded.sink,
    });

    const shard = await vram.sealModel(BYTES);
    await vram.close();

    expect(refused).toMatchObject({ code: "ERR_CONFIG_INVALID", detail: { field: "config.workerApiToken" } });
    expect(refused.message).not.toContain(short);
    const told = JSON.stringify([shard, recorded.events]);
    expect(told).not.toContain("test-token");
    expect(recorded.of("VramSealed")[0]?.["kid"]).toMatch(/^k[0-9a-f]{16}$/);
  });

  test("shared_crate_integration/06: what the shared rules let pass, and this manager's do not, is refused here", async () => {
    const { vram } = await tenMib();
    await vram.sealModel(BYTES, { shardId: "taken", gpuDevice: 0 });

    const missing = await failure(vram.sealModel(BYTES, { gpuDevice: 7 }));
    const taken = await failure(vram.sealModel(BYTES, { shardId: "taken" }));
    await vram.close();

    expect(missing).toMatchObject({ code: "ERR_INPUT_INVALID", detail: { field: "gpuDevice" } });
    expect(taken).toMatchObject({ code: "ERR_STATE", detail: { state: "live" } });
  });
});
