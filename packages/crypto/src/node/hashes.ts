import { createHmac, hash } from "node:crypto";

/** SHA-256 of short data on the runtime's own implementation. @returns Shape: 32 bytes. */
export function nodeSha256(bytes: Uint8Array): Uint8Array {
  return plain(hash("sha256", bytes, "buffer"));
}

/** HMAC-SHA256 on the runtime's own implementation. @returns Shape: 32 bytes. @see RFC 2104. */
export function nodeHmacSha256(key: Uint8Array, data: Uint8Array): Uint8Array {
  return plain(createHmac("sha256", key).update(data).digest());
}

/** A plain array over the same bytes: a Buffer prints, serialises and slices differently. */
function plain(buffer: Buffer): Uint8Array {
  return Uint8Array.from(buffer);
}
