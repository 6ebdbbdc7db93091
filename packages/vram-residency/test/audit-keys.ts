import type { AuditKeyProvider } from "vram-residency";

/** An audit root of a test's own, so that none is made for the user who runs it. */
export const auditKeys: AuditKeyProvider = {
  kind: "test",
  auditRoot: () => Promise.resolve(Uint8Array.from({ length: 32 }, (_, index) => index)),
};
