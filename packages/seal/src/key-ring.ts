import { assertPort, fromHex, reading, toHex } from "@vram-residency/crypto";
import {
  isVramError,
  type KeyProvider,
  type KeyState,
  type SealRoot,
  VramError,
} from "@vram-residency/types";
import { deriveSealKey, RootSecret, readContext, type SealKey, type SealKeyContext } from "./keys.ts";

/** Most generations of the root that one ring holds. */
export const KEY_RING_ROOTS_MAX = 16;

/** One key of this epoch, and how it may be used. */
export interface RingEntry {
  readonly state: KeyState;
  readonly key: SealKey;
}

interface Generation extends RingEntry {
  readonly root: RootSecret;
}

/** True for a ring of {@link openKeyRing}. Never throws. For this package only. */
export let isKeyRing: (value: unknown) => boolean;

/** Every generation of the seal root, with its key for this epoch. Made by {@link openKeyRing}; wiped on dispose. */
export class KeyRing implements Disposable {
  /** The key that new seals are made with. */
  readonly active: SealKey;
  /** This process's epoch. Shape: 32 hexadecimal digits. */
  readonly epoch: string;
  readonly deployment: string;
  readonly #generations: ReadonlyMap<string, Generation>;

  static {
    isKeyRing = (value) => typeof value === "object" && value !== null && #generations in value;
  }

  /** For {@link openKeyRing} only. */
  constructor(
    active: SealKey,
    generations: ReadonlyMap<string, Generation>,
    context: Required<SealKeyContext>,
  ) {
    this.active = active;
    this.epoch = toHex(context.epoch);
    this.deployment = context.deployment;
    this.#generations = generations;
  }

  /**
   * Finds this epoch's key of a root.
   *
   * @param keyid - A kid, or a key id of any epoch: only its kid counts.
   */
  find(keyid: string): RingEntry | undefined {
    const kid = typeof keyid === "string" ? keyid.split(".", 1)[0] : undefined;
    const generation = this.#generations.get(kid ?? "");
    return generation && { state: generation.state, key: generation.key };
  }

  /** Every kid, in the provider's order. */
  kids(): readonly string[] {
    return [...this.#generations.keys()];
  }

  /**
   * Derives the key of another epoch, to tell a seal of a former process from a forged one. Never accept what it signs.
   *
   * @param epoch - Shape: 32 hexadecimal digits.
   * @returns A key that the caller disposes of; undefined for a kid that is not in the ring.
   */
  deriveForDiagnosis(kid: string, epoch: string): SealKey | undefined {
    const root = this.#generations.get(kid)?.root;
    return root && deriveSealKey(root, { deployment: this.deployment, epoch: fromHex(epoch) });
  }

  /** Wipes every key and every root. */
  [Symbol.dispose](): void {
    for (const { key, root } of this.#generations.values()) {
      key[Symbol.dispose]();
      root[Symbol.dispose]();
    }
  }
}

/**
 * Asks a provider for its roots, and derives this epoch's key of each.
 *
 * The roots are copied; the provider's arrays stay as they are.
 *
 * @throws {@link VramError} `ERR_CONFIG_INVALID` unless there are 1 to 16 sound and different roots of which exactly one
 * is active, or when the provider fails.
 */
export async function openKeyRing(provider: KeyProvider, context: SealKeyContext): Promise<KeyRing> {
  assertPort(provider, "keys", "sealRoots");
  const { deployment, epoch } = readContext(context);
  // Copied before anything is awaited: the caller keeps its array.
  const own = { deployment, epoch: Uint8Array.from(epoch) };
  const roots = readRoots(await askFor(provider));

  const generations = new Map<string, Generation>();
  try {
    for (const root of roots) addGeneration(generations, root, own);
    const active = [...generations.values()].filter(({ state }) => state === "active");
    const [only] = active;
    if (only === undefined || active.length > 1)
      refuse(`expected exactly one active root, got ${active.length}`);
    return new KeyRing(only.key, generations, own);
  } catch (error) {
    for (const { key, root } of generations.values()) {
      key[Symbol.dispose]();
      root[Symbol.dispose]();
    }
    throw error;
  }
}

/** What the provider gives. Its failure, such as a KMS out of reach, is the cause of a coded one. */
async function askFor(provider: KeyProvider): Promise<readonly SealRoot[]> {
  try {
    return await provider.sealRoots();
  } catch (cause) {
    if (isVramError(cause)) throw cause;
    const reason = "the key provider failed: mend it or choose another one";
    throw new VramError("ERR_CONFIG_INVALID", `keys: ${reason}`, { field: "keys", reason }, { cause });
  }
}

/** A copy of what a provider gave, each field read once. */
function readRoots(roots: readonly SealRoot[]): readonly SealRoot[] {
  return reading("keys", () => {
    if (!Array.isArray(roots) || roots.length < 1 || roots.length > KEY_RING_ROOTS_MAX) {
      refuse(`expected 1 to ${KEY_RING_ROOTS_MAX} roots from the key provider`);
    }
    return Array.from(roots, (root: SealRoot) => ({ secret: root.secret, state: root.state }));
  });
}

function addGeneration(generations: Map<string, Generation>, from: SealRoot, context: SealKeyContext): void {
  const { secret, state } = from;
  if (state !== "active" && state !== "verify-only" && state !== "revoked") {
    refuse("expected every root to be active, verify-only or revoked");
  }
  const root = new RootSecret(secret);
  const key = deriveSealKey(root, context);
  if (generations.has(key.kid)) {
    key[Symbol.dispose]();
    root[Symbol.dispose]();
    refuse("expected every root once: a revoked root must not come back under another state");
  }
  generations.set(key.kid, { state, key, root });
}

function refuse(reason: string): never {
  throw new VramError("ERR_CONFIG_INVALID", `keys: ${reason}`, { field: "keys", reason });
}
