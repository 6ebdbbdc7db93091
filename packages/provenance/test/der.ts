/** DER, written: shares no code with the reader. */
import { type KeyObject, sign } from "node:crypto";

export function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(contents);
  const { length } = body;
  if (length < 0x80) return Buffer.concat([Buffer.of(tag, length), body]);
  const digits = Buffer.from(length.toString(16).padStart(length > 0xff ? 4 : 2, "0"), "hex");
  return Buffer.concat([Buffer.of(tag, 0x80 | digits.length), digits, body]);
}

export const sequence = (...contents: readonly Uint8Array[]): Buffer => der(0x30, ...contents);
export const hex = (text: string): Buffer => Buffer.from(text, "hex");
const integer = (value: number): Buffer => der(2, Buffer.of(value));
const name = (text: string): Buffer =>
  sequence(der(0x31, sequence(hex("0603550403"), der(0x0c, Buffer.from(text)))));
const time = (iso: string): Buffer => der(0x17, Buffer.from(`${iso.replace(/[-:T]/g, "").slice(2, 14)}Z`));

function extension(id: string, critical: boolean, value: Uint8Array): Buffer {
  return sequence(der(6, hex(id)), ...(critical ? [hex("0101ff")] : []), der(4, value));
}

export interface CertificateOptions {
  readonly subject: string;
  readonly issuer: string;
  readonly key: KeyObject;
  readonly issuerKey: KeyObject;
  readonly from?: string;
  readonly to?: string;
  readonly ca?: boolean;
  readonly pathLength?: number;
  /** Bits of KeyUsage; undefined: no such extension. */
  readonly usage?: number | undefined;
  readonly codeSigning?: boolean;
  readonly further?: readonly Buffer[];
  readonly version?: number;
  /** The algorithm that is named outside what is signed. */
  readonly outerAlgorithm?: Buffer;
  readonly algorithm?: readonly [id: string, hash: string];
}

export const ECDSA_SHA256 = ["06082a8648ce3d040302", "sha256"] as const;
export const ECDSA_SHA1 = ["06072a8648ce3d0401", "sha1"] as const;
export const UNKNOWN_CRITICAL: Buffer = extension("2a0304", true, hex("0500"));
export const NAME_CONSTRAINTS: Buffer = extension("551d1e", true, hex("3000"));

/** A certificate, signed with ECDSA. */
export function certificate(options: CertificateOptions): Buffer {
  const {
    from = "2025-01-01T00:00:00",
    to = "2035-01-01T00:00:00",
    ca = false,
    usage,
    codeSigning = false,
  } = options;
  const [id, hash] = options.algorithm ?? ECDSA_SHA256;
  const algorithm = sequence(hex(id));
  const length = options.pathLength === undefined ? [] : [integer(options.pathLength)];
  const extensions = [
    ...(ca ? [extension("551d13", true, sequence(hex("0101ff"), ...length))] : []),
    ...(usage === undefined ? [] : [extension("551d0f", true, der(3, Buffer.of(0, usage)))]),
    ...(codeSigning ? [extension("551d25", false, sequence(hex("06082b06010505070303")))] : []),
    ...(options.further ?? []),
  ];
  const signed = sequence(
    der(0xa0, integer(options.version ?? 2)),
    integer(1 + (options.subject.length % 100)),
    algorithm,
    name(options.issuer),
    sequence(time(from), time(to)),
    name(options.subject),
    options.key.export({ type: "spki", format: "der" }) as Buffer,
    der(0xa3, sequence(...extensions)),
  );
  const signature = sign(hash, signed, options.issuerKey);
  return sequence(signed, options.outerAlgorithm ?? algorithm, der(3, Buffer.of(0), signature));
}

export function pem(label: string, bytes: Uint8Array): string {
  const lines = Buffer.from(bytes)
    .toString("base64")
    .replace(/(.{64})(?=.)/g, "$1\n");
  return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`;
}
