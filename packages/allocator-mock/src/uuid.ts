import { toHex } from "@vram-residency/crypto";
import type { Random } from "@vram-residency/types";

/** Makes the identity of a mock device, which no GPU's could be taken for. Shape: `MOCK-` and a version 4 UUID. */
export function mockUuid(random: Random): string {
  const bytes = random.bytes(16);
  // RFC 9562, section 5.4: version 4, variant 10.
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = toHex(bytes);
  return `MOCK-${[hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-")}`;
}
