import { expect, test } from "bun:test";
import {
  decodeManifest,
  encodeManifest,
  manifestOfChecksums,
  verifyBundle,
} from "@vram-residency/provenance";
import { nodeSignatureVerifier } from "@vram-residency/provenance/node";
import fc from "fast-check";
import { bundle, keyTrust, sha256, statement } from "./bundles.ts";
import { ruleOf } from "./refused.ts";

/** Names of files, characters beyond the first plane among them. */
const names = fc.uniqueArray(
  fc.string({
    unit: fc.constantFrom("a", "B", "é", "\uE000", "\uFFFD", "\u{1F600}", "\u{10FFFF}"),
    minLength: 1,
    maxLength: 6,
  }),
  {
    minLength: 1,
    maxLength: 8,
  },
);

const sorted = (list: readonly string[]): string[] =>
  list.toSorted((a, b) => {
    const [left, right] = [[...a], [...b]].map((text) =>
      text.map((character) => character.codePointAt(0) ?? 0),
    );
    const at = (left ?? []).findIndex((point, index) => point !== right?.[index]);
    return at === -1 ? a.length - b.length : (left?.[at] ?? 0) - (right?.[at] ?? -1);
  });

test("the one order that is accepted is that of code points", async () => {
  await fc.assert(
    fc.asyncProperty(names, async (list) => {
      const order = sorted(list);
      const resources = (all: readonly string[]) =>
        all.map((name) => ({ name, digest: sha256(name), algorithm: "sha256" }));
      const rule = (all: readonly string[]): Promise<string> => {
        const payload = JSON.stringify(statement({ resources: resources(all) }));
        return ruleOf(() => verifyBundle(bundle({ payload }), keyTrust(), nodeSignatureVerifier));
      };
      expect(await rule(order)).toBe("accepted");
      if (list.length > 1) expect(await rule(order.toReversed())).toBe("resource-order");
    }),
    { numRuns: 100 },
  );
});

test("a manifest of checksums in any order is the same, and survives writing", () => {
  fc.assert(
    fc.property(names, fc.integer({ min: 0, max: 2 ** 40 }), (list, bytes) => {
      const lines = (all: readonly string[]): string =>
        all.map((name) => `${sha256(name)}  ${name}\n`).join("");
      const manifest = manifestOfChecksums(lines(list));
      expect(manifestOfChecksums(lines(list.toReversed()))).toEqual(manifest);
      expect(manifest.resources.map(({ name }) => name)).toEqual(sorted(list));
      const whole = {
        ...manifest,
        resources: manifest.resources.map((resource) => ({ ...resource, bytes })),
      };
      expect(decodeManifest(new TextEncoder().encode(encodeManifest(whole)))).toEqual(whole);
    }),
  );
});

test("whatever is cut out of a bundle, or put into it, is refused by a rule", async () => {
  const good = bundle();
  await fc.assert(
    fc.asyncProperty(
      fc.nat(good.length - 1),
      fc.nat(20),
      fc.uint8Array({ maxLength: 20 }),
      async (at, cut, more) => {
        const spoilt = Buffer.concat([good.subarray(0, at), more, good.subarray(at + cut)]);
        fc.pre(spoilt.toString().trim() !== good.toString());
        const rule = await ruleOf(() => verifyBundle(spoilt, keyTrust(), nodeSignatureVerifier));
        // The key id and white space are nobody's word.
        if (rule === "accepted") expect(spoilt.toString()).toContain('"keyid":');
      },
    ),
    { numRuns: 500 },
  );
});
