/** Run as another user by the tests of hostile files: tries to seal what it may not read, and prints the code. */
import { hasCode, openVram } from "vram-residency";

await using vram = await openVram({ backend: "mock", mock: { capacityBytes: 1 << 20 } });
try {
  await vram.sealModel(process.argv[2] ?? "");
  console.log("sealed");
} catch (error) {
  console.log(hasCode(error, "ERR_SOURCE") ? `ERR_SOURCE ${error.detail.reason}` : String(error));
}
console.log(vram.shards().length);
