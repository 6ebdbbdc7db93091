import { expect, test } from "bun:test";
import { equalBytes, fromHex, pae, toHex, utf8 } from "@vram-residency/crypto";
import { lend } from "@vram-residency/crypto/secret";
import {
  deriveSealKey,
  encodeSealBody,
  openKeyRing,
  openSeal,
  RootSecret,
  randomKeys,
  SEAL_PAYLOAD_TYPE,
  sealShard,
  staticKeys,
  tokenKeys,
} from "@vram-residency/seal";
import type { SealBody, SealedShard } from "@vram-residency/types";
import { expectError, thrownBy } from "./errors.ts";
import { EPOCH, fullSeal, leaves, ROOT, replaced, VECTORS, vectorRing } from "./fixtures.ts";

const { deployment } = VECTORS;
const { body, shard } = fullSeal();
const key = deriveSealKey(new RootSecret(ROOT), { deployment, epoch: EPOCH });

/** The bytes that a body's MAC is over. */
function message(of: SealBody): string {
  return toHex(pae(SEAL_PAYLOAD_TYPE, encodeSealBody(of)));
}

test("W-25: what is signed names its type and version and frames every field, so that no byte can move from one to the next", () => {
  const begins = `DSSEv1 ${SEAL_PAYLOAD_TYPE.length} ${SEAL_PAYLOAD_TYPE} `;
  expect(Buffer.from(message(body), "hex").toString()).toStartWith(begins);
  // Two neighbours whose plain concatenations are the same text.
  const first = replaced(replaced(body, ["device", "uuid"], "GPU-a"), ["device", "pci"], "b");
  const second = replaced(replaced(body, ["device", "uuid"], "GPU-"), ["device", "pci"], "ab");
  expect(message(first)).not.toBe(message(second));
  // Every meaning is in it: place in a group, model, backend, time.
  for (const path of [
    ["group", "index"],
    ["group", "total"],
    ["model", "ref"],
    ["device", "backend"],
  ]) {
    const [, was] = leaves(body).find(([place]) => place.join() === path.join()) ?? [];
    const other = path[1] === "backend" ? "mock" : typeof was === "number" ? was + 5 : `${String(was)}x`;
    const changed = replaced(body, path, path[1] === "index" ? 0 : other);
    expect(message(changed)).not.toBe(message(body));
  }
});

test("W-25: one member of a group is never taken for another", async () => {
  const ring = await vectorRing();
  const group = { id: "ab".repeat(16), index: 0, total: 2 };
  const member = sealShard({ ...body, group }, key);
  const swapped: SealedShard = { ...member, shardIndex: 1 };

  expect(openSeal(member, ring).group?.index).toBe(0);
  expectError(() => openSeal(swapped, ring), "ERR_SEAL_VERIFICATION", { reason: "fields-differ" });
});

test("W-26: roots are random and a process's own unless given, and one key is told from another by root, deployment and epoch", async () => {
  let calls = 0;
  const random = {
    bytes(length: number): Uint8Array {
      calls += 1;
      return ROOT.slice(0, length).map((byte) => byte ^ calls);
    },
  };
  const [first] = await randomKeys(random).sealRoots();
  const [second] = await randomKeys(random).sealRoots();
  expect(calls).toBe(2);
  expect(first?.secret).toHaveLength(32);
  expect(equalBytes(first?.secret ?? ROOT, second?.secret ?? ROOT)).toBe(false);

  const root = new RootSecret(ROOT);
  const keys = [
    deriveSealKey(root, { deployment, epoch: EPOCH }),
    deriveSealKey(root, { deployment: "other", epoch: EPOCH }),
    deriveSealKey(root, { deployment, epoch: fromHex("dd".repeat(16)) }),
    deriveSealKey(new RootSecret(Uint8Array.from(ROOT, (byte) => byte ^ 1)), { deployment, epoch: EPOCH }),
  ];
  expect(new Set(keys.map((one) => lend(one, toHex))).size).toBe(4);
  expect(new Set(keys.map(({ keyid }) => keyid)).size).toBe(4);
});

test("W-26: a worker's token is taken only of 32 bytes or more, and a key can be revoked", async () => {
  for (const token of ["t", "test-token-42", "a".repeat(31), "a".repeat(64)]) {
    expectError(() => tokenKeys(token), "ERR_CONFIG_INVALID", { field: "workerApiToken" });
  }
  const roots = [
    { secret: ROOT, state: "revoked" },
    { secret: Uint8Array.from(ROOT, (byte) => byte ^ 0x55), state: "active" },
  ] as const;
  const ring = await openKeyRing(staticKeys(roots), { deployment, epoch: EPOCH });

  expectError(() => openSeal(shard, ring), "ERR_SEAL_VERIFICATION", { reason: "revoked-key" });
});

test("W-36: a digest that is no hexadecimal text is refused with a code wherever it is shown, and nothing slices it", async () => {
  const ring = await vectorRing();
  for (const digest of ["é".repeat(64), "模".repeat(22), "\ud800".repeat(64), "", "A".repeat(64)]) {
    const error = thrownBy(() => openSeal({ ...shard, digest }, ring));

    expect(error.code).toBe("ERR_SEAL_VERIFICATION");
    expect(error.message).not.toContain(digest.slice(0, 8) || "\0");
    expectError(() => encodeSealBody(replaced(body, ["identity", "digest"], digest)), "ERR_INPUT_INVALID", {
      field: "identity.digest",
    });
  }
});

test("W-41: a root whose bytes are all equal is refused, whatever the byte and the length", () => {
  for (const byte of [0x00, 0x42, 0xff]) {
    for (const length of [32, 33, 1024]) {
      expectError(() => new RootSecret(new Uint8Array(length).fill(byte)), "ERR_CONFIG_INVALID", {
        field: "root",
      });
    }
  }
  expect(String(new RootSecret(utf8("one byte of these is another one")))).toBe("RootSecret");
});
