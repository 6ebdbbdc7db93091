/** The seed of continuous integration, so that a red run there is red everywhere. */
const CI_SEED = 20_261_122;

/**
 * Chooses the seed of the property tests: `FC_SEED`, else a constant where `CI` is set, else a fresh one.
 *
 * @returns Range: 32-bit signed integers, as fast-check wants them.
 */
export function propertySeed(env: Readonly<Record<string, string | undefined>>): number {
  const given = Number(env["FC_SEED"]);
  if (env["FC_SEED"] !== undefined && Number.isInteger(given)) return given | 0;
  if (env["CI"] !== undefined && env["CI"] !== "") return CI_SEED;
  return crypto.getRandomValues(new Int32Array(1))[0] ?? CI_SEED;
}
