// Evaluates a bundle in a bare context that has the language, and of the web only what is listed here.
import { readFileSync } from "node:fs";
import { createContext, runInContext } from "node:vm";

const WEB = {
  TextEncoder,
  TextDecoder,
  crypto: { getRandomValues: (array) => crypto.getRandomValues(array) },
  structuredClone,
  atob,
  btoa,
  setTimeout,
  clearTimeout,
  queueMicrotask,
  performance: { now: () => performance.now() },
  AbortController,
  AbortSignal,
  DOMException,
  Blob,
  ReadableStream,
};
// The web globals above make arrays of this realm; in a page they would be of the same realm as the code.
const ARRAYS = { ArrayBuffer, DataView, Uint8Array, Uint16Array, Uint32Array, Int32Array, BigUint64Array };

const context = createContext({ ...WEB, ...ARRAYS });
runInContext(readFileSync(process.argv[2], "utf8"), context, { filename: "bundle.js" });
if (!(context.outcome && typeof context.outcome.then === "function"))
  throw new Error("the bundle set no outcome");
// A promise that never settles would end the process quietly.
process.exitCode = 1;
console.log(JSON.stringify(await context.outcome));
process.exitCode = 0;
