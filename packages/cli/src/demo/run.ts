/**
 * The main job from end to end, told as it happens.
 *
 * @module
 */

import { deviceIndex } from "@vram-residency/types";
import {
  hasCode,
  type LoadedModel,
  loadModel,
  type SealedShard,
  systemRandom,
  VramError,
} from "vram-residency";
import { verifyDirectory } from "../audit/verify.ts";
import { EXIT } from "../exit-code.ts";
import type { Terminal } from "../terminal.ts";
import { size } from "../text.ts";
import type { DemoOptions, Flip } from "./options.ts";
import { type Stage, setStage } from "./stage.ts";
import { damageText, type KeptLog, Story } from "./story.ts";

/**
 * Runs the demo.
 *
 * @returns The exit code: 0 when every act went as it should, 1 when the flipped bit was not caught or not mended.
 * @throws {@link VramError} whatever keeps an act from being played.
 */
export async function runDemo(options: DemoOptions, terminal: Terminal): Promise<number> {
  await using stage = await setStage(options);
  // Before the first act, so that a mistake in --flip costs nothing.
  const flip = chooseFlip(stage, options.flip);
  const story = new Story(terminal, options.json);
  story.begin(stage.setting);

  const model = await sealAct(stage, story, terminal);
  const order = model.shards.map(({ shardId }) => shardId);
  const show = async (): Promise<void> => {
    const { totalBytes, usedBytes } = await stage.manager.capacity();
    story.picture(stage.manager.shards(), order, totalBytes, usedBytes);
  };
  await show();
  await verifyAct(stage, story, terminal, model.shards, "Verify: hash every shard where it lies");
  const victim = await corruptAct(stage, story, model, flip);
  const caught = await catchAct(stage, story, terminal, victim, flip);
  await show();
  const repaired = await repairAct(stage, story, victim);
  const shards = model.shards.map((shard) => (shard === victim ? repaired : shard));
  await verifyAct(stage, story, terminal, shards, "Verify again");
  const wiped = await releaseAct(stage, story, shards);
  await show();
  story.chapter("The record of every act");
  story.record(stage.records);
  const ok = caught && wiped && story.acts.every((act) => act.ok || act.act === "verify-corrupted");
  const sound = stage.log === undefined || (await logAct(stage, story, terminal, stage.log));
  story.end(ok && sound, stage.log);
  return ok && sound ? EXIT.ok : EXIT.integrity;
}

/** Closes the manager and its log, and verifies what is on the disk with nothing but the public key. */
async function logAct(
  stage: Stage,
  story: Story,
  terminal: Terminal,
  { directory, publicKey }: KeptLog,
): Promise<boolean> {
  await stage[Symbol.asyncDispose]();
  story.chapter("Verify the log, as anybody can who has its public key");
  const { verdict, trust, records, signed } = await verifyDirectory(directory, publicKey, terminal);
  const ok = verdict === "sound" && trust === "pinned";
  story.tell(
    { act: "log-verified", ok, verdict, trust, records, signed },
    `${verdict}: ${records} records, ${trust} key`,
  );
  return ok;
}

async function sealAct(stage: Stage, story: Story, terminal: Terminal): Promise<LoadedModel> {
  story.chapter("Seal: copy into device memory, hash on the way in and again where it lies, sign");
  const { manager, plan } = stage;
  const model = await loadModel(plan, {
    manager,
    random: systemRandom,
    signal: terminal.signal,
    modelRef: "demo",
  });
  story.sealed(
    model.shards,
    plan.shards.map(({ tensors }) => tensors.length),
  );
  return model;
}

async function verifyAct(
  stage: Stage,
  story: Story,
  terminal: Terminal,
  shards: readonly SealedShard[],
  title: string,
): Promise<void> {
  story.chapter(title);
  for (const shard of shards) {
    const report = await stage.manager.verifySealed(shard, { signal: terminal.signal });
    const text = `${shard.shardId}: ${size(report.bytesVerified)} in ${report.durationMs} ms, record ${report.auditSeq}`;
    story.tell({ act: "verified", ok: true, ...report }, text);
  }
}

/** The bit that was asked for, or one in the middle of the middle tensor of the second shard. */
function chooseFlip({ plan }: Stage, asked: Flip | undefined): Flip & { readonly index: number } {
  const field = "--flip";
  const index =
    asked === undefined
      ? Math.min(1, plan.shards.length - 1)
      : plan.shards.findIndex(
          ({ shardId }, place) => shardId === asked.shard || String(place) === asked.shard,
        );
  const planned = plan.shards[index];
  if (planned === undefined) {
    const reason = `there is no such shard; the model has ${plan.shards.length}, numbered from 0`;
    throw new VramError("ERR_INPUT_INVALID", `${field}: ${reason}`, { field, reason });
  }
  if (asked === undefined) {
    const tensor = planned.tensors[planned.tensors.length >> 1];
    const byte = tensor === undefined ? planned.bytes - 1 : tensor.offset + (tensor.bytes >> 1);
    return { shard: planned.shardId, byte: Math.min(byte, planned.bytes - 1), bit: 3, index };
  }
  if (asked.byte >= planned.bytes) {
    const reason = `byte ${asked.byte} is past the shard's end at ${planned.bytes}`;
    throw new VramError("ERR_INPUT_INVALID", `${field}: ${reason}`, { field, reason });
  }
  return { ...asked, index };
}

async function corruptAct(
  { manager, control }: Stage,
  story: Story,
  model: LoadedModel,
  flip: Flip & { readonly index: number },
): Promise<SealedShard> {
  const victim = model.shards[flip.index];
  if (victim === undefined)
    throw new VramError("ERR_BUG", "a planned shard was not sealed", { invariant: "all or nothing" });
  story.chapter("Corrupt: flip one bit in device memory, behind everybody's back");
  const { stable } = await manager.attestResidency(victim);
  control.flipBit(control.find(stable.bufferId), flip.byte, flip.bit);
  const { shardId } = victim;
  story.tell(
    { act: "flipped", ok: true, shardId, byte: flip.byte, bit: flip.bit },
    `${shardId}: bit ${flip.bit} of byte ${flip.byte}`,
  );
  return victim;
}

async function catchAct(
  { manager }: Stage,
  story: Story,
  terminal: Terminal,
  victim: SealedShard,
  flip: Flip,
): Promise<boolean> {
  story.chapter("Catch and locate: the shard no longer verifies");
  try {
    await manager.verifySealed(victim, { signal: terminal.signal });
  } catch (error) {
    if (!hasCode(error, "ERR_INTEGRITY")) throw error;
    const { shardId, mismatches, more } = error.detail;
    story.tell(
      { act: "verify-corrupted", ok: false, shardId, code: error.code, mismatches, more },
      `${shardId}: ${error.code}`,
    );
    for (const mismatch of mismatches) story.aside(damageText(mismatch), "bad");
    const [only, ...others] = mismatches;
    const right =
      only !== undefined &&
      others.length === 0 &&
      flip.byte >= only.offset &&
      flip.byte < only.offset + only.bytes;
    story.tell(
      { act: "located", ok: right },
      right ? "one block, and the flipped byte is in it" : "not where the bit was flipped",
    );
    return right;
  }
  story.tell({ act: "verify-corrupted-passed", ok: false }, "the flipped bit was NOT caught");
  return false;
}

async function repairAct({ manager }: Stage, story: Story, victim: SealedShard): Promise<SealedShard> {
  story.chapter("Repair: rewrite the block from the file, verify, seal anew");
  const repaired = await manager.repair(victim);
  const { shardId } = repaired;
  story.tell({ act: "repaired", ok: true, shardId }, `${shardId}: a new seal; the old one is stale`);
  const refused = await manager.verifySealed(victim).then(
    () => undefined,
    (error: unknown) => (hasCode(error, "ERR_SEAL_VERIFICATION") ? error.detail.reason : undefined),
  );
  const ok = refused === "stale-generation";
  story.tell(
    { act: "old-seal-refused", ok, reason: refused ?? null },
    `the old seal is refused: ${refused ?? "NO"}`,
  );
  return repaired;
}

async function releaseAct(
  { manager, control }: Stage,
  story: Story,
  shards: readonly SealedShard[],
): Promise<boolean> {
  story.chapter("Release: wipe, check, free");
  for (const shard of shards) {
    await manager.release(shard);
    const { shardId } = shard;
    story.tell({ act: "released", ok: true, shardId }, shardId);
  }
  const { usedBytes } = await manager.capacity();
  const wiped = control.isZero(deviceIndex(0)) && usedBytes === 0;
  const text = wiped ? "every byte of device memory is zero, nothing is held" : "device memory is NOT clean";
  story.tell({ act: "wiped", ok: wiped, usedBytes }, text);
  return wiped;
}
