// A user on Node: every library imports from its published form.
import assert from "node:assert/strict";

const NAMES = [
  "types",
  "crypto",
  "validation",
  "seal",
  "audit",
  "policy",
  "formats",
  "allocator-mock",
  "testing",
].map((id) => `@vram-residency/${id}`);
NAMES.push("@vram-residency/manager", "@vram-residency/loader", "vram-residency");

for (const name of NAMES) {
  const library = await import(name);
  assert.ok(Object.keys(library).length > 0, `${name} exports nothing`);
}
