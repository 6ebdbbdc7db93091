/** Our reader and an independent one, on generated files. What the other reads, it reads from memory: nothing is fetched. */
import { expect, test } from "bun:test";
import { GGMLQuantizationType, gguf } from "@huggingface/gguf";
import { readGgufHeader } from "@vram-residency/formats";
import fc from "fast-check";
import { BLOCK_TYPES, ggufFiles, ggufOf, info } from "./gguf-bytes.ts";
import { handleOf } from "./safetensors-bytes.ts";

/** What both readers say, in one shape. */
interface Said {
  readonly version: number;
  readonly architecture: unknown;
  readonly tensors: readonly { name: string; dtype: string; shape: readonly number[]; offset: number }[];
}

const byName = (a: { readonly name: string }, b: { readonly name: string }): number =>
  a.name < b.name ? -1 : 1;

async function theirs(file: Uint8Array): Promise<Said> {
  const read = await gguf("https://model.invalid/a.gguf", {
    fetch: Object.assign(
      (_: unknown, options?: RequestInit) => {
        const [, first, last] =
          /bytes=(\d+)-(\d+)/.exec(new Headers(options?.headers).get("range") ?? "") ?? [];
        return Promise.resolve(new Response(file.slice(Number(first), Number(last) + 1)));
      },
      { preconnect: () => undefined },
    ),
  });
  const tensors = read.tensorInfos.map(({ name, dtype, shape, offset }) => ({
    name,
    dtype: GGMLQuantizationType[dtype] ?? "",
    shape: shape.map(Number).reverse(),
    offset: Number(read.tensorDataOffset + offset),
  }));
  return {
    version: read.metadata.version,
    architecture: read.metadata["general.architecture"],
    tensors: tensors.sort(byName),
  };
}

async function ours(file: Uint8Array): Promise<Said> {
  const { version, metadata, tensors } = await readGgufHeader(handleOf(file), file.length);
  return {
    version,
    architecture: metadata.get("general.architecture"),
    tensors: tensors
      .map(({ name, dtype = "", shape = [], offset }) => ({ name, dtype, shape, offset }))
      .sort(byName),
  };
}

test("both read any generated file alike", async () => {
  await fc.assert(
    fc.asyncProperty(ggufFiles(), async ({ file }) => {
      expect(await ours(file)).toEqual(await theirs(file));
    }),
    { numRuns: 50 },
  );
});

test("both know the same types, each by its name", async () => {
  const known = Object.keys(GGMLQuantizationType).filter((name) => Number.isNaN(Number(name)));
  expect(Object.keys(BLOCK_TYPES).sort()).toEqual(known.sort());

  for (const [name, { id, elements, bytes }] of Object.entries(BLOCK_TYPES)) {
    const file = ggufOf({ infos: [info("a", [elements, 2], id, 0)], data: 2 * bytes });
    expect([name, await ours(file)]).toEqual([name, await theirs(file)]);
  }
});
