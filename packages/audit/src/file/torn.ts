/**
 * What a crash left behind the last whole line: put aside, never thrown away.
 *
 * @module
 */
import { createDigest, toHex } from "@vram-residency/crypto";
import { type FileHandle, type FileSystem, hasCode } from "@vram-residency/types";
import type { TornFacts } from "../catalogue.ts";
import { LINE_BYTES_MAX, parseLine } from "../log/line.ts";
import { Splitter } from "../log/split.ts";
import { chunksOf, replaceFile } from "./files.ts";
import { parseTornFile, type TornPlace, tornFile } from "./names.ts";

/** A file that keeps what was cut off. */
export interface Torn extends TornFacts {
  /** True when a whole record is in it: no torn batch explains that alone. */
  readonly suspect: boolean;
}

/** Looks at what lies from `from` to the end of a file. */
export async function examineTorn(file: FileHandle, from: number, log: string, name: string): Promise<Torn> {
  const splitter = new Splitter(1, LINE_BYTES_MAX + 1);
  const digest = createDigest("sha256");
  let bytes = 0;
  let suspect = false;
  for await (const chunk of chunksOf(file, from, Number.POSITIVE_INFINITY)) {
    bytes += chunk.length;
    digest.update(chunk);
    for (const piece of splitter.push(chunk)) suspect ||= isRecord(piece.subarray(0, -1), log);
  }
  return { file: name, bytes, digest: toHex(digest.digest()), suspect };
}

function isRecord(bytes: Uint8Array, log: string): boolean {
  try {
    return parseLine(bytes).log === log;
  } catch (error) {
    if (hasCode(error, "ERR_FORMAT_INVALID")) return false;
    throw error;
  }
}

/** A segment and what of it holds. */
export interface CutPlace {
  readonly segment: number;
  readonly file: FileHandle;
  /** Unit: bytes. */
  readonly keepBytes: number;
}

/**
 * Puts what follows `keepBytes` aside, and cuts it off. When it dies on the way and is called again, the outcome is the same.
 *
 * @param names - What the directory holds.
 */
export async function cutTail(
  fileSystem: FileSystem,
  directory: string,
  { segment, file, keepBytes }: CutPlace,
  names: readonly string[],
  log: string,
): Promise<void> {
  const places = names.map(parseTornFile).filter((place) => place !== undefined);
  const index = places.filter((one) => one.segment === segment && one.keepBytes === keepBytes).length;
  const rest = await examineTorn(file, keepBytes, log, "");
  const before = tornFile({ segment, keepBytes, index: index - 1 });
  // It died between the copy and the cut.
  const done = index > 0 && (await examineFile(fileSystem, directory, before, log)).digest === rest.digest;
  if (!done) {
    const name = tornFile({ segment, keepBytes, index });
    await replaceFile(
      fileSystem,
      `${directory}/${name}`,
      chunksOf(file, keepBytes, Number.POSITIVE_INFINITY),
    );
    await fileSystem.syncDirectory(directory);
  }
  await file.truncate(keepBytes);
  await file.dataSync();
}

/** Examines every torn file from `since` on that no record names. */
export async function unrecordedTorn(
  fileSystem: FileSystem,
  directory: string,
  since: Pick<TornPlace, "segment" | "keepBytes">,
  named: ReadonlySet<string>,
  log: string,
): Promise<readonly Torn[]> {
  const found: Torn[] = [];
  for (const name of await fileSystem.list(directory)) {
    const place = parseTornFile(name);
    if (place === undefined || named.has(name)) continue;
    const behind =
      place.segment > since.segment ||
      (place.segment === since.segment && place.keepBytes >= since.keepBytes);
    if (behind) found.push(await examineFile(fileSystem, directory, name, log));
  }
  return found;
}

async function examineFile(
  fileSystem: FileSystem,
  directory: string,
  name: string,
  log: string,
): Promise<Torn> {
  const file = await fileSystem.open(`${directory}/${name}`, { mode: "read", noFollow: true });
  try {
    return await examineTorn(file, 0, log, name);
  } finally {
    await file[Symbol.asyncDispose]();
  }
}
