import type { Terminal } from "../terminal.ts";
import { size } from "../text.ts";

/** How long nothing is said, and how often it changes from then on. Unit: ms. */
const FIRST_MS = 400;
const EVERY_MS = 100;

/** Says how far the hashing is. */
export interface Progress {
  /** So many bytes more were hashed. */
  add(bytes: number): void;
  /** One file more is done. */
  finishOne(): void;
}

/**
 * Says on the status line how far hashing is, once it takes long enough for somebody to wonder.
 *
 * @param totalBytes - Of everything; undefined when that is not known.
 * @param now - Unit: ms, from a monotonic clock.
 */
export function digestProgress(
  terminal: Pick<Terminal, "status">,
  files: number,
  totalBytes: number | undefined,
  now: () => number,
): Progress {
  const started = now();
  let said = started + FIRST_MS - EVERY_MS;
  let doneBytes = 0;
  let doneFiles = 0;
  return {
    add(bytes) {
      doneBytes += bytes;
      const time = now();
      if (time - said < EVERY_MS) return;
      said = time;
      const speed = `${size(Math.round((doneBytes * 1000) / (time - started)))}/s`;
      const share =
        totalBytes === undefined || totalBytes === 0 || doneBytes > totalBytes
          ? size(doneBytes)
          : `${Math.floor((doneBytes / totalBytes) * 100)} % of ${size(totalBytes)}`;
      terminal.status(`${share}, ${speed}, ${doneFiles} of ${files} done`);
    },
    finishOne() {
      doneFiles++;
    },
  };
}
