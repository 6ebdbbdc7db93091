import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** Where everything is. */
export interface SignedModel {
  readonly model: string;
  readonly bundle: string;
  readonly key: string;
  /** A key that signed nothing. */
  readonly otherKey: string;
}

const digestOf = (data: string | Uint8Array): string => Bun.SHA256.hash(data, "hex");
const pemOf = (key: KeyObject): string => key.export({ type: "spki", format: "pem" }) as string;

/** Writes a model of two files, signed with a P-256 key, its bundle in it as publishers ship it. */
export async function signedModel(folder: string): Promise<SignedModel> {
  const model = join(folder, "model");
  await mkdir(model, { recursive: true });
  const resources = [];
  for (const name of ["a.bin", "b.bin"]) {
    await writeFile(join(model, name), name);
    resources.push({ name, digest: digestOf(name), algorithm: "sha256" });
  }
  const root = digestOf(Buffer.from(resources.map(({ digest }) => digest).join(""), "hex"));
  const payloadType = "application/vnd.in-toto+json";
  const payload = JSON.stringify({
    _type: "https://in-toto.io/Statement/v1",
    subject: [{ name: "model", digest: { sha256: root } }],
    predicateType: "https://model_signing/signature/v1.0",
    predicate: { resources, serialization: { method: "files", hash_type: "sha256", allow_symlinks: false } },
  });
  const [pair, other] = [0, 1].map(() => generateKeyPairSync("ec", { namedCurve: "P-256" }));
  if (pair === undefined || other === undefined) throw new Error("two keys");
  const message = Buffer.from(`DSSEv1 ${payloadType.length} ${payloadType} ${payload.length} ${payload}`);
  const paths = {
    model,
    bundle: join(model, "model.sig"),
    key: join(folder, "key.pem"),
    otherKey: join(folder, "other.pem"),
  };
  await writeFile(paths.key, pemOf(pair.publicKey));
  await writeFile(paths.otherKey, pemOf(other.publicKey));
  const bundle = {
    mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
    verificationMaterial: { publicKey: { hint: digestOf(pemOf(pair.publicKey)) } },
    dsseEnvelope: {
      payload: Buffer.from(payload).toString("base64"),
      payloadType,
      signatures: [{ sig: sign("sha256", message, pair.privateKey).toString("base64") }],
    },
  };
  await writeFile(paths.bundle, JSON.stringify(bundle));
  return paths;
}
