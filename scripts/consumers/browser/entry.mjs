// A page that uses what is meant for browsers. `outcome` settles when it is done.
import * as crypto from "@vram-residency/crypto";
import * as policy from "@vram-residency/policy";
import * as seal from "@vram-residency/seal";
import * as validation from "@vram-residency/validation";

async function main() {
  for (const [name, library] of Object.entries({ crypto, policy, seal, validation })) {
    if (Object.keys(library).length === 0) throw new Error(`${name} exports nothing`);
  }
}

globalThis.outcome = main();
