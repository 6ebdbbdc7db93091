import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import {
  AuditRoot,
  auditKeyId,
  deriveCheckpointSeed,
  deriveMacKey,
  deriveVerifySecret,
  encodeCheckpointKey,
  parseLine,
  signCheckpoint,
  type Verdict,
  wrapMacKey,
} from "@vram-residency/audit/log";
import { CompactRange, fromHex, merkleLeaf, toHex, utf8 } from "@vram-residency/crypto";
import { nodeEd25519 } from "@vram-residency/crypto/node";
import { lend } from "@vram-residency/crypto/secret";
import { evolveMacKey } from "../../src/log/keys.ts";
import { WALL } from "./fixtures.ts";
import { type Files, LogMaker, verifyFiles, WITH_MACS } from "./make-log.ts";

interface Case {
  readonly name: string;
  readonly verdict: Verdict;
  readonly rule?: string;
  readonly seq?: number;
  readonly segments: readonly { readonly firstSeq: number; readonly text: string }[];
  readonly checkpoints: string;
  readonly head: string | null;
}

interface VectorFile {
  readonly root: string;
  readonly deployment: string;
  readonly epoch: string;
  readonly log: string;
  readonly kid: string;
  readonly macKeys: readonly string[];
  readonly verifySecret: string;
  readonly wrappedMacKey: string;
  readonly checkpointSeed: string;
  readonly publicKey: string;
  readonly verifierKey: string;
  readonly leaves: readonly string[];
  readonly roots: readonly string[];
  readonly cases: readonly [Case, ...Case[]];
}

const VECTORS: VectorFile = JSON.parse(
  readFileSync(new URL("../../../../vectors/audit-v1.json", import.meta.url), "utf8"),
);
const [SOUND] = VECTORS.cases;
const LINES = (SOUND.segments[0]?.text ?? "").split("\n").slice(0, -1);

function filesOf({ segments, checkpoints, head }: Case): Files {
  return {
    segments: segments.map(({ firstSeq, text }) => ({ firstSeq, bytes: utf8(text) })),
    checkpoints: utf8(checkpoints),
    ...(head === null ? {} : { head: utf8(head) }),
  };
}

describe("the published log", () => {
  test("has these very keys", () => {
    const root = new AuditRoot(fromHex(VECTORS.root));
    const { deployment, epoch, log } = VECTORS;
    const first = deriveMacKey(root, epoch, deployment);
    const keys = [first, evolveMacKey(first), evolveMacKey(evolveMacKey(first))];
    const secret = deriveVerifySecret(root, log, deployment);
    const seed = deriveCheckpointSeed(root, deployment);
    const publicKey = lend(seed, (bytes) => nodeEd25519.publicKey(bytes));

    expect(auditKeyId(root, deployment)).toBe(VECTORS.kid);
    expect(keys.map((key) => lend(key, toHex))).toEqual([...VECTORS.macKeys]);
    expect(lend(secret, toHex)).toBe(VECTORS.verifySecret);
    expect(wrapMacKey(secret, epoch, first)).toBe(VECTORS.wrappedMacKey);
    expect(lend(seed, toHex)).toBe(VECTORS.checkpointSeed);
    expect(toHex(publicKey)).toBe(VECTORS.publicKey);
    expect(encodeCheckpointKey({ log, publicKey })).toBe(VECTORS.verifierKey);
  });

  test("is written to these very bytes, lines and checkpoints", () => {
    const maker = new LogMaker().checkpoint().changes(3).checkpoint();
    const { segments, checkpoints } = maker.files();

    expect(new TextDecoder().decode(segments[0]?.bytes)).toBe(SOUND.segments[0]?.text ?? "");
    expect(new TextDecoder().decode(checkpoints)).toBe(SOUND.checkpoints);
  });

  test("has these leaves and roots", () => {
    const tree = new CompactRange();
    const roots = [toHex(tree.root())];
    for (const line of LINES) {
      tree.append(merkleLeaf(utf8(line)));
      roots.push(toHex(tree.root()));
    }
    expect(roots).toEqual([...VECTORS.roots]);
    expect(LINES.map((line) => toHex(merkleLeaf(utf8(line))))).toEqual([...VECTORS.leaves]);
    const head = { log: VECTORS.log, size: 4, root: VECTORS.roots[4] ?? "" };
    const seed = deriveCheckpointSeed(new AuditRoot(fromHex(VECTORS.root)), VECTORS.deployment);
    expect(new TextDecoder().decode(signCheckpoint(head, seed, WALL + 4000, nodeEd25519))).toBe(
      SOUND.head ?? "",
    );
  });

  test("is never sound truncated at any byte, but behind its last line", async () => {
    const files = filesOf(SOUND);
    const [{ bytes } = { bytes: new Uint8Array(0) }] = files.segments;
    for (let length = 0; length < bytes.length; length += 1) {
      const cut = { ...files, segments: [{ firstSeq: 0, bytes: bytes.subarray(0, length) }] };
      expect((await verifyFiles(cut, WITH_MACS)).verdict).toBe("truncated");
    }
  });

  test("is never sound with one bit of a line flipped, and no line so changed holds by itself", async () => {
    const files = filesOf(SOUND);
    const [{ bytes } = { bytes: new Uint8Array(0) }] = files.segments;
    for (let index = 0; index < bytes.length; index += 1) {
      const changed = bytes.with(index, (bytes[index] ?? 0) ^ (1 << (index % 8)));
      const flipped = { ...files, segments: [{ firstSeq: 0, bytes: changed }] };
      expect((await verifyFiles(flipped, WITH_MACS)).verdict).not.toBe("sound");
    }
    expect(LINES.map((line) => parseLine(utf8(line)).seq)).toEqual([0, 1, 2, 3]);
  });
});

describe("a log that is", () => {
  for (const vector of VECTORS.cases) {
    test(`${vector.name}: ${vector.verdict}`, async () => {
      for (const chunkBytes of [1, 1000]) {
        const { verdict, bad } = await verifyFiles(filesOf(vector), WITH_MACS, chunkBytes);
        expect([verdict, bad?.rule, bad?.seq]).toEqual([vector.verdict, vector.rule, vector.seq]);
      }
    });
  }
});

test("the example on the page of the format is line 1 of the published log, and its newest checkpoint", () => {
  const page = readFileSync(new URL("../../../../docs/spec/audit-v1.md", import.meta.url), "utf8");
  const [line = "", note = ""] = Array.from(
    page.matchAll(/```(?:json|text)\n([^`]*)```/g),
    ([, text]) => text ?? "",
  );

  expect(line).toBe(`${LINES[1]}\n`);
  expect(note).toBe(SOUND.head ?? "");
});
