/**
 * The last net under the types: what no record may hold, as far as text can tell.
 *
 * It finds the shapes of secrets and addresses, not the secrets: an arbitrary key in hexadecimal looks like a digest. Keys stay out
 * because they live in opaque objects that are no plain data; this is for what somebody puts into text by mistake.
 *
 * @module
 */

/** A pointer as runtimes and drivers print it. Shape: 8 to 16 hexadecimal digits, so 32 to 64 bits. */
const ADDRESS = /(?<![0-9A-Za-z])0[xX][0-9a-fA-F]{8,16}(?![0-9A-Za-z])/;
/** A private key in PEM, a verify secret as `exportVerifySecret` writes it, an access token of a model hub. */
const SECRET = /PRIVATE KEY-----|vram-audit-verify-v1\.k[0-9a-f]{16}\.|(?<![0-9A-Za-z])hf_[0-9A-Za-z]{20,}/;
/** Names that nothing recordable goes by. */
const SECRET_NAME = /^(?:address|password|pointer|privateKey|secret|seed|token)$/i;
/** Names that users give: one that reads like an address is still a name. */
const GIVEN: ReadonlySet<string> = new Set(["shardId", "modelRef", "workerId", "tensors"]);

/** Says what a text under a name gives away; undefined when nothing does. @param name - The last name above it. */
export function giveawayIn(text: string, name: string): string | undefined {
  if (SECRET.test(text)) return "holds what looks like a secret";
  if (!GIVEN.has(name) && ADDRESS.test(text)) return "holds what looks like a device address";
  return undefined;
}

/** True for a name that stands for a secret or an address. */
export function isGiveaway(name: string): boolean {
  return SECRET_NAME.test(name);
}
