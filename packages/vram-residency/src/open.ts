import { MemorySink } from "@vram-residency/audit";
import { VramManager } from "@vram-residency/manager";
import { createPolicy, type Policy, type PolicyProfile } from "@vram-residency/policy";
import { randomKeys, tokenKeys } from "@vram-residency/seal";
import {
  type Allocator,
  type AuditSink,
  type Clock,
  type KeyProvider,
  type VramConfig,
  VramError,
} from "@vram-residency/types";
import { nodeFileSystem, systemClock, systemRandom, systemTimers } from "@vram-residency/types/node";
import { type AuditDirectory, type ParsedOpenOptions, parseOpenOptions } from "@vram-residency/validation";
import { openAuditLog } from "./audit-log.ts";
import { openBackend } from "./backend.ts";

/** Options of {@link openVram}. */
export interface OpenVramOptions {
  /** "auto" takes CUDA or fails; the mock is taken only when it is named. Default "auto". */
  readonly backend?: "auto" | "cuda" | "mock";
  /** Shape of the mock; together with backend "mock" only. */
  readonly mock?: { readonly devices?: number; readonly capacityBytes?: number };
  /** Your own allocator, instead of a backend's. Stays yours: it is not disposed. */
  readonly allocator?: Allocator;
  readonly config?: Partial<VramConfig>;
  /** Default: 32 random bytes that die with the process. */
  readonly keys?: KeyProvider;
  readonly policy?: PolicyProfile | Policy;
  readonly clock?: Clock;
  /**
   * With the mock the default is "memory"; on real hardware it must be said. A directory holds a tamper-evident log,
   * whose root is kept elsewhere ({@link AuditDirectory}). Your own sink stays yours.
   */
  readonly audit?: AuditDirectory | "memory" | AuditSink;
}

/**
 * Opens a manager with everything wired: allocator, keys, policy, log, clocks.
 *
 * @throws {@link VramError} `ERR_CONFIG_INVALID`, `ERR_DRIVER_UNAVAILABLE`, `ERR_POLICY_VIOLATION`, `ERR_AUDIT_UNAVAILABLE`.
 *
 * @example
 * ```ts
 * await using vram = await openVram({ backend: "mock" });
 * const shard = await vram.sealModel("model.safetensors");
 * await vram.verifySealed(shard);
 * ```
 */
export async function openVram(options: OpenVramOptions = {}): Promise<VramManager> {
  const checked = parseOpenOptions(options);
  const clock = checked.clock ?? systemClock;
  const owned: AsyncDisposable[] = [];
  const allocator = checked.allocator ?? own(owned, await openBackend(checked));
  const audit = await openAudit(checked, allocator, clock, owned).catch(async (error: unknown) => {
    for (const part of owned) await part[Symbol.asyncDispose]();
    throw error;
  });
  return await VramManager.open({
    allocator,
    keys: checked.keys ?? defaultKeys(checked.config),
    policy: createPolicy(checked.policy ?? "default"),
    audit,
    clock,
    timers: systemTimers,
    random: systemRandom,
    fileSystem: nodeFileSystem,
    config: checked.config,
    requestedBackend: checked.backend,
    owned,
  });
}

function own<Part extends AsyncDisposable>(owned: AsyncDisposable[], part: Part): Part {
  owned.push(part);
  return part;
}

function defaultKeys({ workerApiToken }: VramConfig): KeyProvider {
  return workerApiToken === undefined ? randomKeys(systemRandom) : tokenKeys(workerApiToken);
}

async function openAudit(
  { audit }: ParsedOpenOptions,
  allocator: Allocator,
  clock: Clock,
  owned: AsyncDisposable[],
): Promise<AuditSink> {
  if (audit === undefined && allocator.backend !== "mock") {
    const reason = 'on real hardware the log is never implicit: give { directory }, or "memory" by name';
    throw new VramError("ERR_CONFIG_INVALID", `audit: ${reason}`, { field: "audit", reason });
  }
  if (audit === undefined || audit === "memory") {
    return own(owned, new MemorySink({ clock, random: systemRandom }));
  }
  return "directory" in audit ? own(owned, await openAuditLog({ ...audit, clock })) : audit;
}
