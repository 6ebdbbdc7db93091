import {
  assertBytes,
  assertPort,
  concatBytes,
  hkdfExpand,
  hkdfExtract,
  isWellFormed,
  lp,
  reading,
  refuseArgument,
  sha256,
  utf8,
} from "@vram-residency/crypto";
import { type KeyProvider, type Random, type SealRoot, VramError } from "@vram-residency/types";
import { ROOT_BYTES_MIN } from "./keys.ts";

/**
 * Provides a random root that lives as long as this provider: seals end with the process. The default.
 *
 * @returns A provider that gives the same root each time it is asked.
 */
export function randomKeys(random: Random): KeyProvider {
  assertPort(random, "random", "bytes");
  let secret: Uint8Array | undefined;
  return {
    kind: "random",
    sealRoots() {
      secret ??= random.bytes(ROOT_BYTES_MIN);
      return Promise.resolve([{ secret: secret.slice(), state: "active" }]);
    },
  };
}

/** Provides the roots it is given, copied. @throws {@link VramError} `ERR_INPUT_INVALID` for what are no roots. */
export function staticKeys(roots: readonly SealRoot[]): KeyProvider {
  const own = reading("roots", () => {
    if (!Array.isArray(roots)) refuseArgument("roots", "expected an array");
    return Array.from(roots as readonly SealRoot[], ({ secret, state }) => ({ secret, state }));
  }).map(({ secret, state }) => {
    assertBytes(secret, "roots");
    return { secret: secret.slice(), state };
  });
  return {
    kind: "static",
    sealRoots: () => Promise.resolve(own.map(({ secret, state }) => ({ secret: secret.slice(), state }))),
  };
}

/**
 * Derives the root from a worker's API token. Only for those who ask for it: whoever holds the token can forge seals, and
 * tokens travel further than keys do.
 *
 * @param token - At least 32 bytes of UTF-8, not all equal.
 * @throws {@link VramError} `ERR_CONFIG_INVALID` for a shorter or degenerate token.
 */
export function tokenKeys(token: string): KeyProvider {
  if (typeof token !== "string" || !isWellFormed(token)) refuseToken("expected well-formed text");
  const bytes = utf8(token);
  if (bytes.length < ROOT_BYTES_MIN) refuseToken(`expected at least ${ROOT_BYTES_MIN} bytes`);
  // HKDF would hide this from the check of the root.
  if (bytes.every((byte) => byte === bytes[0]))
    refuseToken("expected random text, got one character repeated");

  const prk = hkdfExtract(sha256(lp("vram-seal/v1/token-salt")), bytes);
  const secret = hkdfExpand(prk, concatBytes(lp("vram-seal/v1"), lp("token-root")), ROOT_BYTES_MIN);
  prk.fill(0);
  bytes.fill(0);
  return {
    kind: "token",
    sealRoots: () => Promise.resolve([{ secret: secret.slice(), state: "active" }]),
  };
}

function refuseToken(reason: string): never {
  throw new VramError("ERR_CONFIG_INVALID", `workerApiToken: ${reason}`, { field: "workerApiToken", reason });
}
