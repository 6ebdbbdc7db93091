import {
  createManifest,
  decodeManifest,
  encodeManifest,
  type Manifest,
  manifestOfChecksums,
  verifyModel,
} from "@vram-residency/provenance";
import { modelOptions, readSmall } from "../provenance/files.ts";
import { tellVerdict } from "../provenance/verdict.ts";
import { refuseArgument } from "../report.ts";
import { printDocument, type Terminal } from "../terminal.ts";

/** What both commands of `vramr manifest` take. */
export interface ManifestOptions {
  readonly ignorePath?: readonly string[];
  readonly json?: boolean;
}

/**
 * Runs `vramr manifest create`.
 *
 * @throws {@link VramError} as `createManifest` does.
 */
export async function printManifest(
  path: string,
  options: ManifestOptions,
  terminal: Terminal,
): Promise<void> {
  const model = await modelOptions(path, undefined, options.ignorePath ?? [], terminal);
  const manifest = await createManifest(path, model);
  if (options.json) {
    const files = manifest.resources.map(({ name, bytes, digest }) => ({ name, bytes, sha256: digest }));
    printDocument(terminal, "manifest", "Manifest", { digest: manifest.digest, files });
  } else {
    terminal.out(encodeManifest(manifest));
  }
}

/**
 * Runs `vramr manifest verify`.
 *
 * @returns The exit code: 0, or 1 when a rule refuses the model.
 * @throws {@link VramError} `ERR_SOURCE` for what cannot be read, `ERR_INPUT_INVALID`, `ERR_CANCELLED`.
 */
export async function verifyManifest(
  path: string,
  options: ManifestOptions & { readonly manifest: string },
  terminal: Terminal,
): Promise<number> {
  const list = await readSmall(options.manifest, "the manifest", terminal);
  const model = await modelOptions(path, options.manifest, options.ignorePath ?? [], terminal);
  return await tellVerdict("manifest", "ManifestVerification", options.json === true, terminal, async () => {
    const report = await verifyModel(path, readList(list), model);
    return { report, facts: {}, lines: [] };
  });
}

/** A list of checksums begins with a digest or a `#`, a manifest with a brace. */
function readList(list: Uint8Array): Manifest {
  const BRACE = 0x7b;
  if (list[0] === BRACE) return decodeManifest(list);
  try {
    return manifestOfChecksums(new TextDecoder("utf-8", { fatal: true }).decode(list));
  } catch (cause) {
    if (cause instanceof TypeError) refuseArgument("--manifest", "it is no UTF-8 text");
    throw cause;
  }
}
