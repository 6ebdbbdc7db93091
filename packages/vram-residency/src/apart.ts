import { realpath } from "node:fs/promises";
import { basename, dirname, join, resolve, sep } from "node:path";
import { VramError } from "@vram-residency/types";

/**
 * Refuses a file in a log's directory, below it or beside it: whoever takes the one would have the other with it.
 *
 * @param field - Names the option, for the error.
 * @throws {@link VramError} `ERR_CONFIG_INVALID`.
 */
export async function assertApart(path: string, directory: string, field: string): Promise<void> {
  const log = await resolved(directory);
  const place = await resolved(dirname(path));
  if (place === log || place.startsWith(`${log}${sep}`) || place === dirname(log)) {
    const reason = "it lies with the log: keep it where whoever reaches the log does not";
    throw new VramError("ERR_CONFIG_INVALID", `${field}: ${reason}`, { field, reason });
  }
}

/** A path without symbolic links, as far as it is there. */
async function resolved(path: string): Promise<string> {
  const whole = resolve(path);
  try {
    return await realpath(whole);
  } catch {
    const above = dirname(whole);
    return above === whole ? whole : join(await resolved(above), basename(whole));
  }
}
