// A user on Bun: the facade imports from its published form.
import assert from "node:assert/strict";
import * as residency from "vram-residency";

assert.equal(typeof residency.openVram, "function", "vram-residency exports no openVram");
