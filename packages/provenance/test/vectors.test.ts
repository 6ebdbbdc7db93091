/** The published bundles, and every byte of them changed. */
import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { cp, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nodeDigester } from "@vram-residency/crypto/node";
import { type Trust, verifyBundle, verifyModel } from "@vram-residency/provenance";
import { nodeSignatureVerifier } from "@vram-residency/provenance/node";
import { isVramError } from "@vram-residency/types";
import { nodeFileSystem } from "@vram-residency/types/node";
import { NOW } from "./bundles.ts";
import { ruleOf } from "./refused.ts";

const BUNDLES = [
  "v1.0.0-certificate",
  "v1.0.0-elliptic-key",
  "v1.1.0-certificate",
  "v1.1.0-elliptic-key",
] as const;
const folders = [process.env["VRAM_VECTORS"], join(import.meta.dir, "../../../../shared/vectors")];
const folder =
  folders.map((path) => join(path ?? "/nonexistent", "oms")).find((path) => existsSync(path)) ?? "";
if (folder === "") {
  console.warn(
    `skipped ${BUNDLES.length + 1} published bundles: set VRAM_VECTORS to the folder that has them`,
  );
}
const scratch = await mkdtemp(join(tmpdir(), "provenance-vectors-"));
afterAll(() => rm(scratch, { recursive: true }));

const keys = (name: string): string => readFileSync(join(folder, "keys/certificate", name), "utf8");
const bundleOf = (name: string): Buffer => readFileSync(join(folder, name, "model.sig"));

function trustOf(name: string): Trust {
  return name.endsWith("key")
    ? { kind: "key", publicKey: keys("signing-key-pub.pem") }
    : { kind: "certificates", anchors: keys("ca-cert.pem"), time: { kind: "at", wall: NOW } };
}

interface Parsed {
  readonly verificationMaterial: {
    readonly publicKey?: { hint?: string; rawBytes?: string };
    readonly x509CertificateChain?: { readonly certificates: { rawBytes: string }[] };
  };
  readonly dsseEnvelope: { payload: string; readonly signatures: { sig: string }[] };
}

type Field = { readonly owner: Record<string, string>; readonly name: string; readonly text: boolean };

/** Where a bundle keeps bytes that count. */
function fieldsOf({ verificationMaterial: material, dsseEnvelope: envelope }: Parsed): readonly Field[] {
  const owners: readonly (readonly [object | undefined, string])[] = [
    [envelope, "payload"],
    [envelope.signatures[0], "sig"],
    [material.publicKey, "hint"],
    [material.publicKey, "rawBytes"],
    ...(material.x509CertificateChain?.certificates ?? []).map((item) => [item, "rawBytes"] as const),
  ];
  return owners.flatMap(([owner, name]) =>
    owner !== undefined && name in owner
      ? [{ owner: owner as Record<string, string>, name, text: name === "hint" }]
      : [],
  );
}

const accepts = (bundle: Uint8Array, trust: Trust): boolean => {
  try {
    verifyBundle(bundle, trust, nodeSignatureVerifier);
    return true;
  } catch (error) {
    if (isVramError(error) && error.code === "ERR_PROVENANCE") return false;
    throw error;
  }
};

describe.skipIf(folder === "").each(BUNDLES)("the published bundle %s", (name) => {
  test("verifies with its model", async () => {
    const { manifest, signer } = verifyBundle(bundleOf(name), trustOf(name), nodeSignatureVerifier);
    const options = { fileSystem: nodeFileSystem, digester: nodeDigester, ignorePaths: ["model.sig"] };
    const report = await verifyModel(join(folder, name), manifest, options);

    expect(report.digest).toBe(manifest.digest);
    expect(signer.kind).toBe(name.endsWith("key") ? "key" : "certificate");
  });

  test("fails when any byte of payload, signature or key material is changed", () => {
    const trust = trustOf(name);
    const parsed = JSON.parse(bundleOf(name).toString()) as Parsed;
    const survivors: string[] = [];
    let changed = 0;
    for (const { owner, name: field, text } of fieldsOf(parsed)) {
      const original = owner[field] ?? "";
      const bytes = Buffer.from(original, text ? "utf8" : "base64");
      // Both chains are the same: in one of them a sample will do.
      const step = name === "v1.0.0-certificate" && field === "rawBytes" ? 16 : 1;
      for (let index = 0; index < bytes.length; index += step) {
        const spoilt = Buffer.from(bytes);
        spoilt[index] = (bytes[index] ?? 0) ^ (1 << (index % (text ? 7 : 8)));
        owner[field] = spoilt.toString(text ? "utf8" : "base64");
        if (accepts(Buffer.from(JSON.stringify(parsed)), trust)) survivors.push(`${field} ${index}`);
        changed += 1;
      }
      owner[field] = original;
    }
    expect(survivors).toEqual([]);
    expect(changed).toBeGreaterThan(500);
    expect(accepts(Buffer.from(JSON.stringify(parsed)), trust)).toBe(true);
  }, 60_000);

  test("fails when any character of the trusted key or certificate is changed", () => {
    const trust = trustOf(name);
    const pem = trust.kind === "key" ? trust.publicKey : trust.anchors;
    const from = pem.indexOf("-----BEGIN");
    const bundle = bundleOf(name);
    const survivors = [...pem.slice(from).trimEnd()].flatMap((character, index) => {
      const spoilt =
        pem.slice(0, from + index) + (character === "A" ? "B" : "A") + pem.slice(from + index + 1);
      const changed: Trust =
        trust.kind === "key" ? { ...trust, publicKey: spoilt } : { ...trust, anchors: spoilt };
      return accepts(bundle, changed) ? [index] : [];
    });
    // A trusted certificate's word on who issued it is not used: it is trusted because the user says so.
    const body = pem.slice(from).replace(/\n/g, "");
    const issuer = Buffer.from(body.slice("-----BEGIN CERTIFICATE-----".length), "base64").indexOf("root-ca");
    const unused = survivors.filter((index) => {
      const digits =
        pem.slice(from, from + index).replace(/\n/g, "").length - "-----BEGIN CERTIFICATE-----".length;
      const byte = Math.floor((digits * 3) / 4);
      return trust.kind === "certificates" && byte >= issuer - 11 && byte < issuer + "root-ca".length;
    });
    expect(survivors).toEqual(unused);
  }, 60_000);

  test("fails when any byte of a signed file is changed", async () => {
    const model = join(scratch, name);
    await cp(join(folder, name), model, { recursive: true });
    const { manifest } = verifyBundle(bundleOf(name), trustOf(name), nodeSignatureVerifier);
    const options = { fileSystem: nodeFileSystem, digester: nodeDigester, ignorePaths: ["model.sig"] };
    for (const file of (await readdir(model)).filter((entry) => entry.startsWith("signme"))) {
      const bytes = readFileSync(join(model, file));
      for (const index of [...bytes.keys()].filter((at) => at < 64 || at % 97 === 0)) {
        const spoilt = Buffer.from(bytes);
        spoilt[index] = (bytes[index] ?? 0) ^ 1;
        await writeFile(join(model, file), spoilt);
        expect(await ruleOf(() => verifyModel(model, manifest, options))).toBe("resource-digest");
      }
      await writeFile(join(model, file), bytes);
    }
    expect(await ruleOf(() => verifyModel(model, manifest, options))).toBe("accepted");
  });
});

describe.skipIf(folder === "")("the published keyless bundle", () => {
  test("is refused as what it is: nothing here checks its log", async () => {
    const bundle = bundleOf("v1.1.0-sigstore");
    expect(await ruleOf(() => verifyBundle(bundle, trustOf("key"), nodeSignatureVerifier))).toBe(
      "bundle-material",
    );
  });
});
