import { createHash } from "node:crypto";

/** MTH, PATH and PROOF as RFC 6962, section 2.1 writes them: recursive, over whole lists, with `node:crypto`. */
export function naiveRoot(data: readonly Uint8Array[]): Uint8Array {
  const [only] = data;
  if (only === undefined) return digest();
  if (data.length === 1) return digest(Uint8Array.of(0), only);
  const k = largestPowerBelow(data.length);
  return digest(Uint8Array.of(1), naiveRoot(data.slice(0, k)), naiveRoot(data.slice(k)));
}

export function naivePath(m: number, data: readonly Uint8Array[]): readonly Uint8Array[] {
  if (data.length === 1) return [];
  const k = largestPowerBelow(data.length);
  return m < k
    ? [...naivePath(m, data.slice(0, k)), naiveRoot(data.slice(k))]
    : [...naivePath(m - k, data.slice(k)), naiveRoot(data.slice(0, k))];
}

export function naiveProof(m: number, data: readonly Uint8Array[], whole = true): readonly Uint8Array[] {
  if (m === data.length) return whole ? [] : [naiveRoot(data)];
  const k = largestPowerBelow(data.length);
  return m <= k
    ? [...naiveProof(m, data.slice(0, k), whole), naiveRoot(data.slice(k))]
    : [...naiveProof(m - k, data.slice(k), false), naiveRoot(data.slice(0, k))];
}

function largestPowerBelow(n: number): number {
  return 2 ** Math.floor(Math.log2(n - 1));
}

function digest(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return Uint8Array.from(hash.digest());
}
