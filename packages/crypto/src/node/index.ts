export { nodeDigester } from "./digester.ts";
export { nodeEd25519 } from "./ed25519.ts";
export { nodeHmacSha256, nodeSha256 } from "./hashes.ts";
