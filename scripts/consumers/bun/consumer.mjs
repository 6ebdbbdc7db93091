// A user on Bun: the facade, a log on disk, and the command.
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  computeDigest,
  hasCode,
  MockAllocator,
  nodeDigester,
  openVram,
  systemRandom,
  systemTimers,
} from "vram-residency";
import { mockControl } from "vram-residency/testing";
import { play, RECORDED } from "./story.mjs";

// Nobody named the mock, so nobody gets it.
for (const options of [undefined, {}, { backend: "auto" }, { backend: "cuda", audit: "memory" }]) {
  const error = await openVram(options).then(
    () => undefined,
    (reason) => reason,
  );
  assert.ok(hasCode(error, "ERR_DRIVER_UNAVAILABLE"), "no device, yet something was opened");
}

/** Runs the command as it was installed. */
function vramr(...args) {
  const bin = join("node_modules", ".bin", "vramr");
  const { exitCode, stdout, stderr } = Bun.spawnSync([process.execPath, "--no-install", bin, ...args]);
  assert.equal(exitCode, 0, `vramr ${args.join(" ")} exited ${exitCode}: ${stderr}`);
  return stdout.toString();
}

const directory = join(process.cwd(), "audit");
const keys = join(process.cwd(), "keys", "audit.key");
mkdirSync("keys");
vramr("key", "create", "--audit", "--out", keys);
const allocator = new MockAllocator({
  capacityBytes: 64 << 20,
  digester: nodeDigester,
  timers: systemTimers,
  random: systemRandom,
});
const did = await (async () => {
  await using manager = await openVram({ backend: "mock", allocator, audit: { directory, keys } });
  const control = mockControl(allocator);
  return await play({ manager, allocator, control, digest: computeDigest, path: "bun-model.bin" });
})();
await allocator[Symbol.asyncDispose]();

const lines = readdirSync(directory)
  .filter((name) => name.endsWith(".jsonl"))
  .flatMap((name) => readFileSync(join(directory, name), "utf8").trimEnd().split("\n"))
  .map((line) => JSON.parse(line));
assert.deepEqual(
  lines.map(({ type }) => type),
  RECORDED,
);

vramr(
  "key",
  "export",
  keys,
  "--log",
  directory,
  "--public-key",
  "keys/log.pub",
  "--verify-secret",
  "keys/mac",
);
const pins = [
  "--public-key",
  "keys/log.pub",
  "--mac-key",
  "keys/mac",
  "--against",
  join(directory, "checkpoint"),
];
const verification = JSON.parse(vramr("audit", "verify", directory, ...pins, "--json"));
assert.deepEqual(
  [verification.verdict, verification.trust, verification.macs, verification.records],
  ["sound", "anchored", "checked", RECORDED.length],
);
assert.equal(vramr("audit", "show", directory, "--json").trimEnd().split("\n").length, RECORDED.length);

const { version } = JSON.parse(readFileSync("node_modules/@vram-residency/cli/package.json", "utf8"));
assert.equal(vramr("--version").trim(), version);
assert.match(vramr("--help"), /demo/);
const demo = JSON.parse(vramr("demo", "--json"));
assert.equal(demo.ok, true);
assert.equal(demo.acts.at(-1).act, "end");
console.log(JSON.stringify({ ok: true, runtime: `bun ${Bun.version}`, ...did, demoActs: demo.acts.length }));
