/**
 * From the certificate that signed a model to one the user trusts. @see RFC 5280, section 6.
 *
 * @module
 */
import { equalBytes } from "@vram-residency/crypto";
import { type Certificate, CODE_SIGNING, readCertificate, USAGE } from "./certificate.ts";
import { type PublicKey, readPem, readSpki, type SignatureVerifier } from "./public-key.ts";
import { refuse } from "./rules.ts";

/** When every certificate of a chain must be valid. */
export type TimePolicy =
  /** At a time that the caller names: now, as a rule. Unit: ms since 1970-01-01T00:00:00Z. */
  | { readonly kind: "at"; readonly wall: number }
  /** When the signing certificate began. An expired one is accepted, and so is a key that leaked since: say so in a log. */
  | { readonly kind: "ignore-expiry" };

/** Longest chain in a bundle. Unit: certificates. */
export const CHAIN_LENGTH_MAX = 8;

/**
 * Verifies a chain: each certificate of the bundle is issued by the next, the last by one the user trusts, unless it is one.
 *
 * @param chain - In DER, the one that signed first.
 * @param anchorsPem - The certificates of authorities that the user trusts.
 * @returns The signing certificate and its key.
 * @throws `ERR_PROVENANCE`: the rules of `readCertificate`, `key-type`, `certificate-usage` and every `chain-…`.
 */
export function verifyChain(
  chain: readonly Uint8Array[],
  anchorsPem: string,
  time: TimePolicy,
  verifier: SignatureVerifier,
): { readonly leaf: Certificate; readonly key: PublicKey } {
  const anchors = readPem(anchorsPem, "CERTIFICATE", "certificate-encoding").map(readCertificate);
  if (anchors.length === 0)
    refuse("chain-anchor", "the file of trusted certificates has none: name one that has");
  if (chain.length > CHAIN_LENGTH_MAX) refuse("chain-length", `more than ${CHAIN_LENGTH_MAX} certificates`);
  const certificates = chain.map(readCertificate);
  const [leaf] = certificates;
  const last = certificates.at(-1);
  if (leaf === undefined || last === undefined) refuse("chain-length", "the bundle has no certificate");

  const path = anchors.some(({ der }) => equalBytes(der, last.der))
    ? certificates
    : [...certificates, issuerOf(last, anchors, verifier)];
  const wall = time.kind === "at" ? time.wall : leaf.notBefore;
  for (const [index, certificate] of path.entries()) {
    assertValid(certificate, wall);
    if (index > 0) assertAuthority(certificate, index - 1, path);
    const issuer = path[index + 1];
    if (issuer !== undefined) assertIssued(certificate, issuer, verifier);
    // What nobody in the path issued vouches for itself, if it says so: damage to it is noticed.
    else if (equalBytes(certificate.issuer, certificate.subject))
      assertIssued(certificate, certificate, verifier);
  }
  return { leaf, key: signingKey(leaf) };
}

/** The trusted certificate that issued this one. Two may have the same name: the signature decides. */
function issuerOf(
  last: Certificate,
  anchors: readonly Certificate[],
  verifier: SignatureVerifier,
): Certificate {
  const named = anchors.filter(({ subject }) => equalBytes(subject, last.issuer));
  if (named.length === 0)
    refuse("chain-anchor", "no trusted certificate has the name of the chain's last issuer");
  return (
    named.find((anchor) => isIssued(last, anchor, verifier)) ??
    refuse("chain-signature", "a trusted name, but not its key")
  );
}

function assertValid({ notBefore, notAfter }: Certificate, wall: number): void {
  // Written so that a time that is no number refuses.
  if (!(notBefore <= wall && wall <= notAfter)) {
    refuse("chain-validity", "a certificate is not valid at that time: ask for a new signature");
  }
}

/** @param index - Where in the path, from 0 for the one that issued the signing certificate. */
function assertAuthority(certificate: Certificate, index: number, path: readonly Certificate[]): void {
  const { ca, keyUsage = 0, pathLength = Number.POSITIVE_INFINITY } = certificate;
  if (!ca || (keyUsage & USAGE.keyCertSign) === 0) refuse("chain-ca", "an issuer may not issue certificates");
  const between = path.slice(1, index + 1).filter(({ issuer, subject }) => !equalBytes(issuer, subject));
  if (between.length > pathLength)
    refuse("chain-path-length", "an issuer may not have so many issuers below it");
}

function assertIssued(certificate: Certificate, issuer: Certificate, verifier: SignatureVerifier): void {
  if (!equalBytes(certificate.issuer, issuer.subject))
    refuse("chain-name", "a certificate is not of the next one's name");
  if (!isIssued(certificate, issuer, verifier))
    refuse("chain-signature", "a certificate is not signed by the next one");
}

function isIssued(certificate: Certificate, issuer: Certificate, verifier: SignatureVerifier): boolean {
  const { kind, spki } = readSpki(issuer.spki, "certificate-encoding");
  const { algorithm, signed, signature } = certificate;
  if ((kind === "RSA") !== (algorithm.key === "RSA")) return false;
  return verifier.verify({ spki, hash: algorithm.hash, message: signed, signature });
}

function signingKey({ keyUsage = 0, extendedKeyUsage, spki }: Certificate): PublicKey {
  if ((keyUsage & USAGE.digitalSignature) === 0) refuse("certificate-usage", "its key is not for signatures");
  if (!extendedKeyUsage.includes(CODE_SIGNING))
    refuse("certificate-usage", "its key is not for signing code");
  const key = readSpki(spki, "certificate-encoding");
  if (key.kind === "RSA") refuse("key-type", "expected a certificate for a key on P-256, P-384 or P-521");
  return key;
}
