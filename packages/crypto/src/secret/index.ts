export { checkRoot, DEFAULT_DEPLOYMENT, keyIdOf, purposeInfo, ROOT_BYTES_MIN, withPrk } from "./derive.ts";
export { isSecret, lend, Secret } from "./secret.ts";
