/**
 * Repair: only blocks whose replacement has the sealed leaf are written, everything is verified again, and a new seal is
 * issued. Whatever fails, the shard stays quarantined.
 *
 * @module
 */
import { differingDigests, FSVERITY_BLOCK_BYTES, fsverityLeaves } from "@vram-residency/crypto";
import { byteCount, type Mismatch, type SealedShard, VramError } from "@vram-residency/types";
import type { Core, Device } from "./core.ts";
import { issueSeal } from "./issue-seal.ts";
import type { LiveSeal } from "./live-seal.ts";
import {
  blockRange,
  currentLeaves,
  foldsTo,
  groupRange,
  MISMATCHES_MAX,
  storedLeaves,
  trustedLevel1,
} from "./locate.ts";
import type { ReadRange } from "./original.ts";
import { assertPolicy } from "./policy-gate.ts";
import type { Scope } from "./scope.ts";
import type { Holding, Sealed } from "./slots.ts";
import {
  assertEvidence,
  facts,
  holdsContent,
  integrityError,
  logged,
  type Turn,
  takeTurn,
} from "./verify-shard.ts";

interface Repaired {
  blocks: number;
  /** The first {@link MISMATCHES_MAX} blocks that were rewritten. */
  readonly mismatches: Mismatch[];
}

/**
 * Repairs a live shard from its original bytes. Runs in the device's turn.
 *
 * @throws {@link VramError} `ERR_INTEGRITY` when the source does not have the sealed bytes either, or memory does not keep
 * what is written; `ERR_SOURCE`; `ERR_AUDIT_UNAVAILABLE`.
 */
export async function repairNow(
  core: Core,
  device: Device,
  seal: LiveSeal,
  read: ReadRange,
  scope: Scope,
): Promise<SealedShard> {
  const turn = takeTurn(core, seal, ["sealed", "quarantined"]);
  const { slot, sealed, main } = turn;
  core.journal.assertReady();
  slot.state = "repairing";
  try {
    scope.enter("repair");
    const madeWritable = main.protected;
    await core.allocator.protect(main.id, "read-write");
    const repaired = await rewrite(core, turn, read, scope);
    await restoreLeaves(core, turn, read, scope);
    await core.allocator.protect(main.id, "read");

    const renewed = await reseal(core, device, turn, scope);
    await core.journal.record("ShardRepaired", {
      ...facts(renewed),
      supersedes: sealed.body.sealId,
      generation: renewed.body.allocation.generation,
      blocks: repaired.blocks,
      mismatches: logged(repaired.mismatches),
      more: repaired.blocks - Math.min(repaired.blocks, logged(repaired.mismatches).length),
      madeWritable,
      workerId: core.journal.workerId,
    });
    slot.sealed = renewed;
    slot.state = "sealed";
    return renewed.shard;
  } finally {
    // INVARIANT: the only way out of "repairing" into "sealed" is a new seal that has been recorded.
    if (slot.state === "repairing") {
      slot.state = "quarantined";
      await protectAgain(core, main);
    }
  }
}

/** After a repair that failed half way. */
async function protectAgain(core: Core, main: Holding): Promise<void> {
  // When this fails too, the shard is quarantined all the same, and its evidence will say that it is writable.
  await core.allocator.protect(main.id, "read").catch(() => {});
}

/** Rewrites every block that differs, group by group; groups that are right are not read from the source. */
async function rewrite(core: Core, turn: Turn, read: ReadRange, scope: Scope): Promise<Repaired> {
  const { slot, sealed, main } = turn;
  const found = await core.allocator.digest(main.id, {
    algorithm: "fsverity-sha256",
    tree: "level1",
    signal: scope.signal,
  });
  if (!trustedLevel1(sealed) || found.level1?.length !== sealed.level1.length)
    throw cannotRepair(turn, 0, slot.bytes);
  const groups = differingDigests(sealed.level1, found.level1);
  const report = scope.progress("repair", slot.shardId, slot.bytes);
  const repaired: Repaired = { blocks: 0, mismatches: [] };
  for (const group of groups) {
    scope.enter("repair");
    await rewriteGroup(core, turn, group, read, scope, repaired);
    const { offset, bytes } = groupRange(slot, group);
    report(offset + bytes);
  }
  return repaired;
}

async function rewriteGroup(
  core: Core,
  turn: Turn,
  group: number,
  read: ReadRange,
  scope: Scope,
  repaired: Repaired,
): Promise<void> {
  const { slot, sealed, main } = turn;
  const range = groupRange(slot, group);
  const replacement = await read(range.offset, range.bytes);
  const offered = fsverityLeaves(replacement);
  // Without stored leaves the source itself must fold up to the seal; then its leaves are the sealed ones.
  const total = Math.ceil(slot.bytes / FSVERITY_BLOCK_BYTES);
  const wanted =
    (await storedLeaves(core, slot, sealed, group)) ??
    (foldsTo(offered, sealed, group, total) ? offered : undefined);
  if (wanted === undefined) throw cannotRepair(turn, range.offset, range.bytes);
  const bad = differingDigests(wanted, await currentLeaves(core, slot, group, scope.signal));
  const refused = new Set(differingDigests(wanted, offered));
  for (const block of bad) {
    const { offset, bytes } = blockRange(slot, group, block);
    if (refused.has(block)) throw cannotRepair(turn, offset, bytes);
    const from = offset - range.offset;
    await core.allocator.writeBlocks(
      main.id,
      byteCount(offset, "offset"),
      replacement.subarray(from, from + bytes),
    );
    repaired.blocks++;
    if (repaired.mismatches.length < MISMATCHES_MAX) repaired.mismatches.push({ offset, bytes });
  }
}

/** Writes again what was damaged of the stored leaves, so that the next repair can locate blocks. */
async function restoreLeaves(core: Core, turn: Turn, read: ReadRange, scope: Scope): Promise<void> {
  const { slot, sealed } = turn;
  if (slot.leaves === undefined) return;
  const total = Math.ceil(slot.bytes / FSVERITY_BLOCK_BYTES);
  const groups = sealed.level1.length / 32;
  for (let group = 0; group < groups; group++) {
    scope.signal.throwIfAborted();
    if ((await storedLeaves(core, slot, sealed, group)) !== undefined) continue;
    const { offset, bytes } = groupRange(slot, group);
    const leaves = fsverityLeaves(await read(offset, bytes));
    if (!foldsTo(leaves, sealed, group, total)) continue;
    await core.allocator.writeBlocks(
      slot.leaves.id,
      byteCount(group * FSVERITY_BLOCK_BYTES, "offset"),
      leaves,
    );
  }
}

/** Verifies everything again and issues the seal that supersedes the old one. */
async function reseal(core: Core, device: Device, turn: Turn, scope: Scope): Promise<Sealed> {
  const { slot, sealed, main } = turn;
  scope.enter("digest");
  const started = { wall: core.clock.wall(), mono: core.clock.mono() };
  const found = await core.allocator.digest(main.id, {
    algorithm: "fsverity-sha256",
    tree: "level1",
    signal: scope.signal,
    onProgress: scope.progress("digest", slot.shardId, slot.bytes),
  });
  if (!holdsContent(sealed, found)) throw integrityError(slot, [{ offset: 0, bytes: slot.bytes }], 0);
  // A repair mends content; memory that is not what it was stays quarantined.
  const evidence = await assertEvidence(core, turn);
  const allocation = { evidence, bytes: slot.bytes, readOnlyAsked: core.policy.readOnlyAfterSealing };
  await assertPolicy(core, device, { phase: "sealed", allocation, identitySource: "computed" }, slot.shardId);
  const { identity, residency, model } = sealed.body;
  const content = { identity: identity.digest, residency: residency.digest, level1: sealed.level1 };
  slot.verified = started;
  return issueSeal(core, device, slot, content, evidence.stable, model);
}

function cannotRepair({ slot }: Turn, offset: number, bytes: number): VramError<"ERR_INTEGRITY"> {
  return new VramError(
    "ERR_INTEGRITY",
    `the source does not have the sealed bytes at ${offset} either: give the file the shard was sealed from, or release the shard`,
    { shardId: slot.shardId, mismatches: [{ offset, bytes }], more: 0 },
  );
}
