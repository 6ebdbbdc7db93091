import { type Signer, type Trust, verifyBundle, verifyModel } from "@vram-residency/provenance";
import { nodeSignatureVerifier } from "@vram-residency/provenance/node";
import { systemClock } from "@vram-residency/types/node";
import { refuseArgument } from "../report.ts";
import type { Terminal } from "../terminal.ts";
import { modelOptions, readSmall } from "./files.ts";
import { tellVerdict } from "./verdict.ts";

/** What `vramr provenance verify` was asked to do. */
export interface VerifyModelOptions {
  readonly bundle: string;
  readonly publicKey?: string;
  readonly certificateChain?: string;
  readonly ignoreExpiry?: boolean;
  readonly ignorePath?: readonly string[];
  readonly json?: boolean;
}

/**
 * Runs `vramr provenance verify`.
 *
 * @returns The exit code: 0, or 1 when a rule refuses the model.
 * @throws {@link VramError} `ERR_INPUT_INVALID` for options that contradict each other, `ERR_SOURCE` for what cannot be read,
 * `ERR_CANCELLED`.
 */
export async function verifyProvenance(
  path: string,
  options: VerifyModelOptions,
  terminal: Terminal,
): Promise<number> {
  const trust = await readTrust(options, terminal);
  const bundle = await readSmall(options.bundle, "the bundle", terminal);
  const model = await modelOptions(path, options.bundle, options.ignorePath ?? [], terminal);
  return await tellVerdict("provenance", "ModelVerification", options.json === true, terminal, async () => {
    const { manifest, signer } = verifyBundle(bundle, trust, nodeSignatureVerifier);
    const report = await verifyModel(path, manifest, model);
    if (options.ignoreExpiry)
      terminal.note("vramr: WARNING: the certificate may have expired: nobody looked\n");
    return { report, facts: { signer }, lines: [signerText(signer)] };
  });
}

async function readTrust(options: VerifyModelOptions, terminal: Terminal): Promise<Trust> {
  const { publicKey, certificateChain, ignoreExpiry } = options;
  if ((publicKey === undefined) === (certificateChain === undefined)) {
    refuseArgument(
      "--public-key",
      "expected it or --certificate-chain: the bundle does not say whom to trust",
    );
  }
  if (publicKey !== undefined) {
    if (ignoreExpiry) refuseArgument("--ignore-expiry", "a key alone does not expire");
    return { kind: "key", publicKey: await readPem(publicKey, "the public key", terminal) };
  }
  const anchors = await readPem(certificateChain ?? "", "the certificate chain", terminal);
  const time = ignoreExpiry
    ? ({ kind: "ignore-expiry" } as const)
    : ({ kind: "at", wall: systemClock.wall() } as const);
  return { kind: "certificates", anchors, time };
}

async function readPem(path: string, what: string, terminal: Terminal): Promise<string> {
  // Text beside the PEM blocks may be in any encoding.
  return new TextDecoder("latin1").decode(await readSmall(path, what, terminal));
}

function signerText(signer: Signer): string {
  return signer.kind === "key"
    ? `signed with the key ${signer.key}`
    : `signed with the certificate ${signer.certificate}`;
}
