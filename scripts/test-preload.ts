/**
 * Loaded before every test file: gives fast-check its seed and, with `FC_NUM_RUNS`, the number of runs.
 *
 * @module
 */
import fc from "fast-check";
import { propertySeed } from "./seed.ts";

const runs = Number(process.env["FC_NUM_RUNS"]);

fc.configureGlobal({
  ...fc.readConfigureGlobal(),
  seed: propertySeed(process.env),
  ...(Number.isInteger(runs) && runs > 0 ? { numRuns: runs } : {}),
});
