/**
 * Verification, in the order of ARCHITECTURE.md: what can be refused cheaply first, device memory last.
 *
 * @module
 */
import { printable } from "@vram-residency/audit";
import { equalBytes, fromHex, fsverityFromLevel1 } from "@vram-residency/crypto";
import {
  type DigestReport,
  type Mismatch,
  type ResidencyEvidence,
  type SealRefusal,
  type StableEvidence,
  VramError,
} from "@vram-residency/types";
import { type Core, type Device, elapsedMs, timestamp } from "./core.ts";
import { isLost } from "./holdings.ts";
import { type LiveSeal, matchLive, refusal } from "./live-seal.ts";
import { locateDamage } from "./locate.ts";
import type { VerifyReport } from "./options.ts";
import { assertPolicy } from "./policy-gate.ts";
import type { Scope } from "./scope.ts";
import type { Holding, Sealed, Slot } from "./slots.ts";

/** Wall clock and monotonic clock may drift this far apart before it is recorded. Unit: ms. */
const CLOCK_SKEW_MS = 5000;

/** A live shard whose turn has come. */
export interface Turn {
  readonly slot: Slot;
  readonly sealed: Sealed;
  readonly main: Holding;
}

const REMEDIES: { readonly [State in Slot["state"]]?: string } = {
  quarantined: "repair or release it",
  unwiped: "release it again",
};

/**
 * Looks at the live table again when the shard's turn has come: it may have been released, repaired or lost meanwhile.
 *
 * @throws {@link VramError} `ERR_SEAL_VERIFICATION`, `ERR_STATE`, `ERR_DEVICE_LOST`.
 */
export function takeTurn(core: Core, seal: LiveSeal, expected: readonly Slot["state"][]): Turn {
  const slot = matchLive(core, seal.body);
  if (slot.state === "lost") {
    const message = "the shard's device is lost: restart the process and seal it again";
    throw new VramError("ERR_DEVICE_LOST", message, {
      device: slot.device,
      driverCode: 0,
      restartNeeded: true,
    });
  }
  if (!expected.includes(slot.state) || slot.sealed === undefined || slot.main === undefined) {
    const remedy = REMEDIES[slot.state] ?? "wait for it to settle";
    throw new VramError("ERR_STATE", `the shard is ${slot.state}: ${remedy}`, {
      state: slot.state,
      expected: expected.join(" or "),
    });
  }
  return { slot, sealed: slot.sealed, main: slot.main };
}

/**
 * Verifies a live shard against device memory. Runs in the device's turn.
 *
 * @throws {@link VramError} `ERR_INTEGRITY` or `ERR_SEAL_VERIFICATION`; the shard is quarantined when its content or its
 * evidence is wrong, recorded or not. `ERR_AUDIT_UNAVAILABLE`: it may be fine, but no answer is given without a record.
 */
export async function verifyNow(
  core: Core,
  device: Device,
  seal: LiveSeal,
  scope: Scope,
): Promise<VerifyReport> {
  const turn = takeTurn(core, seal, ["sealed"]);
  const { slot, sealed, main } = turn;
  core.journal.assertReady();
  slot.state = "verifying";
  try {
    scope.enter("evidence");
    const evidence = await assertEvidence(core, turn);
    const allocation = { evidence, bytes: slot.bytes, readOnlyAsked: core.policy.readOnlyAfterSealing };
    const identitySource = sealed.body.identity.source;
    await assertPolicy(core, device, { phase: "verify", allocation, identitySource }, slot.shardId);
    await assertAge(core, slot, sealed);

    scope.enter("digest");
    const started = { wall: core.clock.wall(), mono: core.clock.mono() };
    const found = await core.allocator.digest(main.id, {
      algorithm: "fsverity-sha256",
      tree: "level1",
      signal: scope.signal,
      onProgress: scope.progress("digest", slot.shardId, slot.bytes),
    });
    if (!holdsContent(sealed, found)) throw await contentRefused(core, turn, found, scope);

    const durationMs = elapsedMs(started.mono, core.clock.mono());
    const auditSeq = await core.journal.record("SealVerified", {
      ...facts(sealed),
      mode: "full",
      algorithm: sealed.body.residency.alg,
      bytesVerified: slot.bytes,
      durationMs,
      workerId: core.journal.workerId,
    });
    slot.verified = started;
    return {
      shardId: slot.shardId,
      mode: "full",
      algorithm: sealed.body.residency.alg,
      digest: sealed.body.residency.digest,
      bytesVerified: slot.bytes,
      coverage: 1,
      verifiedAt: timestamp(started.wall),
      durationMs,
      auditSeq,
    };
  } finally {
    settle(slot);
  }
}

/** Back to "sealed", unless something worse happened. */
function settle(slot: Slot): void {
  if (slot.state === "verifying") slot.state = "sealed";
}

/** What the driver says now, when it is what it said at sealing. @throws {@link VramError} as {@link verifyNow}. */
export async function assertEvidence(core: Core, { slot, sealed, main }: Turn): Promise<ResidencyEvidence> {
  const evidence = await core.allocator.evidence(main.id);
  const changed = changedFields(sealed.evidence, evidence.stable);
  if (changed.length === 0) return evidence;
  await quarantine(core, slot, sealed, "evidence", { changed });
  throw refusal(slot.shardId, "evidence");
}

function changedFields(was: StableEvidence, is: StableEvidence): string[] {
  const names = [...new Set([...Object.keys(was), ...Object.keys(is)])] as (keyof StableEvidence)[];
  return names.filter((name) => JSON.stringify(was[name]) !== JSON.stringify(is[name])).sort();
}

/** Age by the monotonic clock. The wall clock may jump; that is recorded, and decides nothing. */
async function assertAge(core: Core, slot: Slot, { body }: Sealed): Promise<void> {
  const now = core.clock.mono();
  const wallAheadMs = Math.round(core.clock.wall() - core.started.wall) - elapsedMs(core.started.mono, now);
  if (Math.abs(wallAheadMs - core.clockSkewMs) > CLOCK_SKEW_MS) {
    core.clockSkewMs = wallAheadMs;
    await core.journal.note("ClockSkew", { wallAheadMs, workerId: core.journal.workerId });
  }
  if (body.maxAgeMs !== undefined && elapsedMs(BigInt(body.mono), now) > body.maxAgeMs) {
    throw refusal(slot.shardId, "age");
  }
}

/**
 * Compares what was found with what was sealed, in constant time.
 *
 * The level-1 digests are folded up here as well, so that an allocator whose upper tree levels are stale is noticed.
 */
export function holdsContent({ body }: Sealed, found: DigestReport): boolean {
  const wanted = fromHex(body.residency.digest);
  const folded = fsverityFromLevel1(found.level1 ?? new Uint8Array(0), body.bytes);
  return (
    found.bytes === body.bytes && equalBytes(fromHex(found.digest), wanted) && equalBytes(folded, wanted)
  );
}

async function contentRefused(core: Core, turn: Turn, found: DigestReport, scope: Scope): Promise<VramError> {
  const { slot, sealed } = turn;
  // Before anything else can fail: no ok from this shard any more.
  if (!isLost(slot)) slot.state = "quarantined";
  scope.stage = "locate";
  const damage = await locateDamage(
    core,
    slot,
    sealed,
    found.level1 ?? new Uint8Array(0),
    scope.signal,
  ).catch(() => ({
    mismatches: [{ offset: 0, bytes: slot.bytes }] as const,
    more: 0,
  }));
  await quarantine(core, slot, sealed, "content", {
    mismatches: logged(damage.mismatches),
    more: damage.more,
  });
  return integrityError(slot, damage.mismatches, damage.more);
}

/** The error that names the damage. */
export function integrityError(
  slot: Slot,
  mismatches: readonly Mismatch[],
  more: number,
): VramError<"ERR_INTEGRITY"> {
  const [first] = mismatches;
  const where = first === undefined ? "" : ` at byte ${first.offset}${named(first)}`;
  const count = mismatches.length + more;
  return new VramError(
    "ERR_INTEGRITY",
    `device memory differs from what was sealed in ${count} place${count === 1 ? "" : "s"}${where}: repair or release the shard`,
    { shardId: slot.shardId, mismatches, more },
  );
}

function named({ tensor, bytes }: Mismatch): string {
  return tensor === undefined ? ` (${bytes} bytes)` : ` (${bytes} bytes, tensor ${printable(tensor, 64)})`;
}

/** Mismatches as the log carries them: tensor names come from the model file. */
export function logged(
  mismatches: readonly Mismatch[],
): { offset: number; bytes: number; tensors: string[] }[] {
  return mismatches.slice(0, 16).map(({ offset, bytes, tensors }) => ({
    offset,
    bytes,
    tensors: (tensors ?? []).map((name) => printable(name, 128)),
  }));
}

/** Takes a shard out of use and records why. The state changes whatever the log does. */
async function quarantine(
  core: Core,
  slot: Slot,
  sealed: Sealed,
  reason: SealRefusal,
  found: { mismatches?: ReturnType<typeof logged>; more?: number; changed?: readonly string[] },
): Promise<void> {
  if (!isLost(slot)) slot.state = "quarantined";
  const { workerId } = core.journal;
  await core.journal.note("SealVerificationFailed", {
    shardId: slot.shardId,
    reason,
    count: 1,
    ...found,
    workerId,
  });
  await core.journal.note("ShardQuarantined", { ...facts(sealed), reason, workerId });
}

/** How the log names a sealed shard. */
export function facts({ body }: Sealed): {
  shardId: string;
  sealId: string;
  gpuDevice: number;
  deviceUuid: string;
} {
  return {
    shardId: body.shard.id,
    sealId: body.sealId,
    gpuDevice: body.device.ordinal,
    deviceUuid: body.device.uuid,
  };
}
