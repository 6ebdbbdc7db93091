export { nodeSignatureVerifier } from "./verifier.ts";
