/**
 * Ed25519 (RFC 8032) as a port: the portable code has none of its own, `@vram-residency/crypto/node` has the runtime's.
 */
export interface Ed25519 {
  /** @param seed - Shape: 32 secret bytes. @returns Shape: 32 bytes. */
  publicKey(seed: Uint8Array): Uint8Array;
  /** @param seed - Shape: 32 secret bytes. @returns Shape: 64 bytes. */
  sign(seed: Uint8Array, message: Uint8Array): Uint8Array;
  /** False for anything but a valid signature, lengths that cannot be right included. Never throws. */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
}
