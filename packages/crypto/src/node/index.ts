export { nodeDigester } from "./digester.ts";
