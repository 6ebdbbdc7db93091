import type { Random } from "@vram-residency/types";

/**
 * Makes a {@link Random} that gives the same bytes for the same seed, on every runtime. For tests only.
 *
 * xoshiro128** over 32-bit words, its state filled by SplitMix32.
 *
 * @param seed - Any finite number; its low 32 bits count.
 * @see https://prng.di.unimi.it/ for the generator.
 */
export function seededRandom(seed: number): Random {
  const next = xoshiro(seed);
  return {
    bytes(length) {
      const words = new Uint32Array(Math.ceil(length / 4));
      for (let index = 0; index < words.length; index += 1) words[index] = next();
      return new Uint8Array(words.buffer, 0, length).slice();
    },
  };
}

function xoshiro(seed: number): () => number {
  let state = seed >>> 0;
  const split = (): number => {
    state = (state + 0x9e3779b9) | 0;
    let word = state ^ (state >>> 16);
    word = Math.imul(word, 0x21f0aaad);
    word ^= word >>> 15;
    word = Math.imul(word, 0x735a2d97);
    return word ^ (word >>> 15);
  };
  let a = split();
  let b = split();
  let c = split();
  let d = split();
  return () => {
    const scrambled = Math.imul(rotate(Math.imul(b, 5), 7), 9);
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = rotate(d, 11);
    return scrambled >>> 0;
  };
}

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}
