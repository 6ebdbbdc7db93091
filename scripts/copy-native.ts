/**
 * Puts the native library that was built, and its digest, into the platform package's `dist`. Says so when there is none.
 *
 * @module
 */
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { ROOT } from "./project.ts";

const NAME = "libvram_residency.so";

if (import.meta.main) {
  const built = join(ROOT, "native", "build", NAME);
  const target = join(ROOT, "packages", "allocator-cuda-linux-x64", "dist", NAME);
  if (await Bun.file(built).exists()) {
    await copyFile(built, target);
    const digest = new Bun.CryptoHasher("sha256").update(await Bun.file(target).bytes()).digest("hex");
    await Bun.write(`${target}.sha256`, `${digest}\n`);
  } else console.log(`no ${NAME} to package: run bun run native first`);
}
