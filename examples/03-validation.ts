/** Untrusted configuration becomes a checked value, or an error that names the field (validation). */
import { isVramError } from "@vram-residency/types";
import { parseConfig, parseModelRef, parseSealOptions } from "@vram-residency/validation";
import { resolveUnder } from "@vram-residency/validation/paths";

const config = parseConfig(JSON.parse('{ "gpuDevice": 1, "workerId": "worker-a" }'));
console.log("accepted:", JSON.stringify(config));
console.log("frozen:", Object.isFrozen(config), "model:", parseModelRef("org/model@v1"));

const untrusted: Readonly<Record<string, () => unknown>> = {
  "a wrong type": () => parseConfig({ stagingBytes: "lots" }),
  "out of range": () => parseConfig({ gpuDevice: 256 }),
  "a misspelt key": () => parseConfig({ gpuDevise: 0 }),
  "a prototype key": () => parseConfig(JSON.parse('{ "__proto__": { "gpuDevice": 3 } }')),
  "a short token": () => parseConfig({ workerApiToken: "hunter2" }),
  "a path as an id": () => parseSealOptions({ shardId: "../../etc/passwd" }),
  "a nested field": () => parseSealOptions({ tensors: [{ name: "w", offset: 0, bytes: -1 }] }),
  "a way out": () => resolveUnder("/models", "../keys/root"),
};
for (const [what, parse] of Object.entries(untrusted)) {
  try {
    console.log(`${what}: accepted`, parse());
  } catch (error) {
    if (isVramError(error)) console.log(`${what}: ${error.message}`);
  }
}
