import { formatError } from "./format-error.ts";
import type { GgufHeader } from "./gguf.ts";
import { GGUF } from "./gguf-cursor.ts";

const PART = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/s;

/** What a file's name says of a split model. */
export interface GgufPart {
  /** The name of every file of the model, in order. */
  readonly names: readonly string[];
  /** From 0. */
  readonly index: number;
}

/**
 * Reads a name such as `model-00001-of-00003.gguf`. Any other name is a model of its own.
 *
 * @throws {@link VramError} `ERR_FORMAT_INVALID` `split` for a number that is 0 or over the count.
 */
export function ggufPart(name: string): GgufPart {
  const [, stem, number, count] = PART.exec(name) ?? [];
  if (stem === undefined || number === undefined || count === undefined) return { names: [name], index: 0 };
  const total = Number(count);
  const index = Number(number) - 1;
  if (index < 0 || index >= total) throw splitError("a file's number is not within its model's");
  const names = Array.from({ length: total }, (_, at) => {
    return `${stem}-${String(at + 1).padStart(5, "0")}-of-${count}.gguf`;
  });
  return { names, index };
}

/**
 * Checks that the files of a model say the same of it as their names.
 *
 * @throws {@link VramError} `ERR_FORMAT_INVALID` `split`.
 */
export function assertSplit(headers: readonly GgufHeader[]): void {
  const tensorCount = headers.reduce((sum, { tensors }) => sum + tensors.length, 0);
  for (const [index, { metadata }] of headers.entries()) {
    // A model of one file does not have to say so.
    const alone = headers.length === 1;
    const number = metadata.get("split.no") ?? (alone ? 0 : undefined);
    const count = metadata.get("split.count") ?? (alone ? 1 : undefined);
    // Some writers set the count to 0 in a model that was merged again.
    if (number !== index || (count !== headers.length && !(alone && count === 0))) {
      throw splitError("a file is not the part of the model that its name says");
    }
    const claimed = metadata.get("split.tensors.count") ?? tensorCount;
    if (claimed !== tensorCount) throw splitError("the files do not have as many tensors as they say");
  }
}

function splitError(message: string): Error {
  return formatError(GGUF, "split", message);
}
