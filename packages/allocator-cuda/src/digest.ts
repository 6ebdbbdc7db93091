/**
 * Hashing what lies in device memory.
 *
 * @module
 */
import { toHex } from "@vram-residency/crypto";
import { byteCount, type DigestAlgorithm, type DigestReport, hexDigest } from "@vram-residency/types";
import type { Allocation } from "./allocations.ts";
import type { DigestRequest } from "./arguments.ts";
import { VR } from "./constants.ts";
import type { Work } from "./context.ts";
import { VR_DIGEST_OPTIONS, VR_DIGEST_REPORT } from "./layouts.ts";
import { encode } from "./struct.ts";
import type { Ticket } from "./ticket.ts";

/** The library's numbers of the algorithms. */
export const ALGORITHMS: { readonly [Algorithm in DigestAlgorithm]: number } = {
  sha256: VR.SHA256,
  "fsverity-sha256": VR.FSVERITY_SHA256,
  blake3: VR.BLAKE3,
};

/** The work of one pass over device memory. */
export function digestWork(
  { device, handle }: Allocation,
  request: DigestRequest,
): Omit<Work<DigestReport>, "stage"> {
  const { salt, tree, priority } = request;
  const native = encode(VR_DIGEST_OPTIONS, {
    ...request.range,
    algorithm: ALGORITHMS[request.algorithm],
    flags:
      (tree === "level1" ? VR.DIGEST_LEVEL1 : 0) |
      (tree === "leaves" ? VR.DIGEST_LEAVES : 0) |
      (priority === "background" ? VR.DIGEST_BACKGROUND : 0),
    salt_bytes: salt?.length ?? 0,
    salt: salt ?? new Uint8Array(0),
  });
  return {
    signal: request.signal,
    onProgress: request.onProgress,
    submit: ({ native: library, context }, out) =>
      library.vr_submit_digest(context, device, handle, native, out),
    take: (ticket) => reportOf(ticket, request),
  };
}

function reportOf(ticket: Ticket<DigestReport>, { salt, tree }: DigestRequest): DigestReport {
  const found = ticket.report(VR_DIGEST_REPORT);
  return {
    bytes: byteCount(found.bytes, "bytes"),
    digest: hexDigest(toHex(found.residency)),
    ...(salt === undefined ? {} : { salted: hexDigest(toHex(found.salted)) }),
    ...(tree === "level1" ? { level1: ticket.part(VR.PART_LEVEL1) } : {}),
    ...(tree === "leaves" ? { leaves: ticket.part(VR.PART_LEAVES) } : {}),
  };
}
