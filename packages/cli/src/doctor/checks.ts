/**
 * What `vramr doctor` looks at. Each check says what it found, and what to do when that is not enough.
 *
 * @module
 */
import { auditKeyPath } from "vram-residency";
import { size } from "../text.ts";
import type { Finding } from "./finding.ts";
import type { Machine } from "./machine.ts";

type Check = (machine: Machine) => Finding | Promise<Finding>;

const BUN_MIN: readonly number[] = [1, 4, 5];
const NODE_MIN: readonly number[] = [20, 19, 0];
/** What the demo writes, several times over. */
const TEMPORARY_BYTES_MIN = 64 * 1024 * 1024;
const LIBRARY_DIRECTORIES = [
  "/usr/lib/x86_64-linux-gnu",
  "/usr/lib/aarch64-linux-gnu",
  "/usr/lib64",
  "/usr/lib",
  "/usr/lib/wsl/lib",
  "/usr/local/nvidia/lib64",
  "/usr/local/cuda/compat",
];

/** Every check, in the order in which they are told. */
export const CHECKS: readonly Check[] = [
  runtime,
  platform,
  ({ kernel }) => ok("kernel", kernel),
  devices,
  libcuda,
  coreDumps,
  temporarySpace,
  lockProgram,
  auditRoot,
];

function runtime({ versions }: Machine): Finding {
  const { bun, node } = versions;
  const [name, version, min] = bun === undefined ? ["Node", node, NODE_MIN] : ["Bun", bun, BUN_MIN];
  const found = `${name} ${version ?? "of an unknown version"}`;
  if (atLeast(version ?? "", min)) return ok("runtime", found);
  return missing("runtime", found, `install ${name} ${min.join(".")} or later`, ["mock", "cuda"]);
}

function atLeast(version: string, min: readonly number[]): boolean {
  const parts = version.split(/[.-]/, 3).map(Number);
  for (const [index, wanted] of min.entries()) {
    const part = parts[index] ?? Number.NaN;
    if (part !== wanted) return part > wanted;
  }
  return true;
}

function platform({ platform: system, arch }: Machine): Finding {
  const found = `${system} ${arch}`;
  if (system === "linux" && (arch === "x64" || arch === "arm64")) return ok("platform", found);
  return missing("platform", found, "use the mock here; CUDA needs Linux on x64 or arm64", ["cuda"]);
}

async function devices(machine: Machine): Promise<Finding> {
  const names = (await machine.list("/dev")).filter((name) => /^nvidia(\d+|ctl)$/.test(name));
  const gpus = names.filter((name) => name !== "nvidiactl");
  if (gpus.length > 0 && names.includes("nvidiactl")) {
    return ok("NVIDIA devices", names.map((name) => `/dev/${name}`).join(", "));
  }
  const remedy = "install the NVIDIA driver; in a container, pass the GPUs in";
  return missing("NVIDIA devices", "no /dev/nvidia* of a GPU", remedy, ["cuda"]);
}

async function libcuda(machine: Machine): Promise<Finding> {
  const known = / => (\/\S*\/libcuda\.so\.1)$/m.exec(await machine.libraries())?.[1];
  if (known !== undefined) return ok("libcuda", known);
  for (const directory of LIBRARY_DIRECTORIES) {
    if ((await machine.list(directory)).includes("libcuda.so.1")) {
      return ok("libcuda", `${directory}/libcuda.so.1`);
    }
  }
  const remedy = "install the NVIDIA driver's user libraries; in a container, let its runtime add them";
  return missing("libcuda", "no libcuda.so.1 in the usual places", remedy, ["cuda"]);
}

async function coreDumps(machine: Machine): Promise<Finding> {
  const limits = await machine.read("/proc/self/limits");
  const soft = /^Max core file size +(\d+|unlimited) /m.exec(limits ?? "")?.[1];
  const piped = (await machine.read("/proc/sys/kernel/core_pattern"))?.startsWith("|") === true;
  if (soft === "0" && !piped) return ok("core dumps", "off");
  // A pattern that begins with a pipe is started whatever the limit says.
  const found = piped
    ? "handed to a program, whatever the limit"
    : soft === undefined
      ? "the limit cannot be read"
      : `up to ${soft} bytes`;
  const remedy = "a dump holds keys and weights: ulimit -c 0, and no program in kernel.core_pattern";
  return { check: "core dumps", state: "note", found, remedy, stops: [] };
}

async function temporarySpace(machine: Machine): Promise<Finding> {
  const { temporaryDirectory } = machine;
  const bytes = await machine.freeBytes(temporaryDirectory);
  if (bytes !== undefined && bytes >= TEMPORARY_BYTES_MIN) {
    return ok("temporary space", `${size(bytes)} in ${temporaryDirectory}`);
  }
  const found = `${bytes === undefined ? "unknown" : size(bytes)} in ${temporaryDirectory}`;
  const remedy = `free ${size(TEMPORARY_BYTES_MIN)}, set TMPDIR, or give the demo --model`;
  return { check: "temporary space", state: "note", found, remedy, stops: [] };
}

async function lockProgram(machine: Machine): Promise<Finding> {
  const path = await machine.program("flock");
  if (path !== undefined) return ok("flock", path);
  const remedy = "install util-linux: without it no audit log can be kept in a directory, only in memory";
  return { check: "flock", state: "note", found: "not on the path", remedy, stops: [] };
}

/** The root of this user's logs. It is not there before the first of them, and that is as it should be. */
async function auditRoot(machine: Machine): Promise<Finding> {
  const path = auditKeyPath(machine.environment);
  const found = await machine.permissions(path);
  if (found === undefined) return ok("audit root", `none yet; the first log makes ${path}`);
  const mode = found.toString(8).padStart(3, "0");
  if ((found & 0o077) === 0) return ok("audit root", `${path} (mode ${mode})`);
  const remedy = `others may read it, and could rewrite logs: chmod 600 ${path}, and give logs a new root`;
  return { check: "audit root", state: "note", found: `${path} (mode ${mode})`, remedy, stops: [] };
}

function ok(check: string, found: string): Finding {
  return { check, state: "ok", found, stops: [] };
}

function missing(check: string, found: string, remedy: string, stops: Finding["stops"]): Finding {
  return { check, state: "missing", found, remedy, stops };
}
