/** Takes the lock of the directory it is given and says so, or says why not; then stays, with a child of its own, until it is killed. */
import { spawn } from "node:child_process";
import { isVramError } from "@vram-residency/types";
import { nodeDirLock } from "@vram-residency/types/node";

try {
  await nodeDirLock.acquire(process.argv[2] ?? "");
  // What this process starts must not keep its lock alive.
  const child = spawn("sleep", ["60"], { stdio: "ignore" });
  console.log(`locked ${child.pid}`);
  setInterval(() => {}, 1000);
} catch (error) {
  console.log(isVramError(error) ? error.code : error);
}
