/** What a model directory should hold, and how a change, a missing and an extra file are told apart (provenance). */
import { appendFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createManifest, decodeManifest, encodeManifest, verifyModel } from "@vram-residency/provenance";
import { hasCode } from "@vram-residency/types";
import { nodeFileSystem as fileSystem } from "@vram-residency/types/node";
import { scratch } from "./lib/scratch.ts";

await using folder = await scratch();
const weights = join(folder.path, "weights.bin");
await writeFile(weights, "weights");
await writeFile(join(folder.path, "config.json"), "{}");

// A manifest says what was there. Keep it elsewhere, or have it signed: then it also says whose that is.
const text = encodeManifest(await createManifest(folder.path, { fileSystem }));
const manifest = decodeManifest(new TextEncoder().encode(text));

/** Verifies, and says what came of it. */
async function verdict(): Promise<string> {
  try {
    const { bytes } = await verifyModel(folder.path, manifest, { fileSystem });
    return `${bytes} bytes, as listed`;
  } catch (error) {
    if (!hasCode(error, "ERR_PROVENANCE")) throw error;
    return `refused: ${error.detail.rule} ${error.detail.resource ?? ""}`;
  }
}

console.log("as it was:", await verdict());
await appendFile(weights, "!");
console.log("one byte more:", await verdict());
await writeFile(weights, "Weights");
console.log("one letter changed:", await verdict());
await writeFile(weights, "weights");
await writeFile(join(folder.path, "extra.py"), "import os");
console.log("an extra file:", await verdict());
await rm(join(folder.path, "extra.py"));
await rm(weights);
console.log("a missing file:", await verdict());
