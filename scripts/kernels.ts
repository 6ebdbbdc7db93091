/**
 * `bun scripts/kernels.ts`: compiles the GPU kernels for every target into `native/build/kernels`, and holds them to their limits.
 * `bun run native` does the same where there is nvcc and their sources have changed, and puts them into the library.
 *
 * The library carries a cubin for each target and one PTX, which any driver since CUDA 9 compiles for any GPU since Maxwell. Where
 * there is no nvcc, this says so: the library then digests on the host.
 *
 * @module
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { run } from "./process.ts";
import { filesIn, ROOT } from "./project.ts";

/** Compute capabilities that get a cubin of their own. */
export const TARGETS: readonly string[] = ["80", "86", "89", "90", "100", "120"];

/** The oldest dialect that knows every instruction we use; nvcc's own would need the newest drivers. */
const PTX_DIALECT = { version: "6.0", target: "sm_50" } as const;
/** Any will do: the text is the same, and it is stamped afterwards. */
const PTX_COMPUTE = "compute_75";

const REGISTERS_MAX = 64;
const FOLDER = join(ROOT, "native/build/kernels");
const IMAGES = "images.h";
const SOURCE = join(ROOT, "native/kernels/kernels.cu");
const FLAGS = ["-std=c++20", "-O3"] as const;

/** What ptxas says of one kernel on one target. */
export interface KernelUse {
  readonly kernel: string;
  /** "sm_90", and " from PTX" when it was compiled from the text that the library carries. */
  readonly target: string;
  readonly registers: number;
  /** Stack frame, spills and local memory together: all of it is slow memory. Unit: bytes per thread. */
  readonly localBytes: number;
}

/** Reads what `ptxas -v` prints. */
export function readUse(output: string, target: string): readonly KernelUse[] {
  return output
    .split("Compiling entry function ")
    .slice(1)
    .map((text) => {
      const sum = [...text.matchAll(/(\d+) bytes (?:stack frame|spill stores|spill loads|lmem)/g)]
        .map(([, bytes]) => Number(bytes))
        .reduce((total, bytes) => total + bytes, 0);
      return {
        kernel: /^'(\w+)'/.exec(text)?.[1] ?? "?",
        target,
        registers: Number(/Used (\d+) registers/.exec(text)?.[1] ?? Number.NaN),
        localBytes: sum,
      };
    });
}

/** Names what is over a limit. A figure that ptxas did not give is a fault, too. */
export function useFaults(use: KernelUse): readonly string[] {
  const name = `${use.kernel} on ${use.target}`;
  return [
    ...(use.registers <= REGISTERS_MAX
      ? []
      : [`${name}: ${use.registers} registers, at most ${REGISTERS_MAX}`]),
    ...(use.localBytes === 0 ? [] : [`${name}: ${use.localBytes} bytes of stack, spills or local memory`]),
  ];
}

/** Stamps PTX with the dialect that old drivers read. */
export function oldDialect(ptx: string): string {
  return ptx
    .replace(/^\.version .*$/m, `.version ${PTX_DIALECT.version}`)
    .replace(/^\.target .*$/m, `.target ${PTX_DIALECT.target}`);
}

async function command(words: readonly string[]): Promise<string> {
  const { code, output } = await run(words);
  if (code !== 0) throw new Error(`${words[0]} exited ${code}:\n${output}`);
  return output;
}

/**
 * Compiles the kernels for every target, and from PTX as a driver would.
 *
 * @param folder - Receives `sm_N.cubin` and `kernels.ptx`.
 * @returns One entry for each kernel and target.
 */
export async function compileKernels(folder: string): Promise<readonly KernelUse[]> {
  await mkdir(folder, { recursive: true });
  const ptx = join(folder, "kernels.ptx");
  await command(["nvcc", ...FLAGS, "-ptx", `-arch=${PTX_COMPUTE}`, SOURCE, "-o", ptx]);
  await Bun.write(ptx, oldDialect(await Bun.file(ptx).text()));

  const uses: KernelUse[] = [];
  for (const target of TARGETS) {
    const cubin = join(folder, `sm_${target}.cubin`);
    const words = ["nvcc", ...FLAGS, "-cubin", `-arch=sm_${target}`, "-Xptxas", "-v", SOURCE, "-o", cubin];
    uses.push(...readUse(await command(words), `sm_${target}`));
    const driver = ["ptxas", "-v", `-arch=sm_${target}`, ptx, "-o", "/dev/null"];
    uses.push(...readUse(await command(driver), `sm_${target} from PTX`));
  }
  return uses;
}

/** SHA-256 of everything the kernels are made from. */
async function sourcesDigest(): Promise<string> {
  const hash = new Bun.CryptoHasher("sha256").update(JSON.stringify([TARGETS, FLAGS, PTX_DIALECT]));
  const folder = join(ROOT, "native/kernels");
  for (const path of [...filesIn(folder, "*.cu"), ...filesIn(folder, "*.h")].sort()) {
    hash.update(`${path}\n`).update(await Bun.file(join(folder, path)).bytes());
  }
  return hash.digest("hex");
}

/** One module as a C++ array. */
function arrayText(name: string, bytes: Uint8Array): string {
  return `alignas(16) constexpr std::uint8_t ${name}[] = {${bytes.join(",")}};\n`;
}

/** Writes what {@link compileKernels} made as the header that `native/src/digest/kernel_images.cc` takes. */
export async function writeImages(folder: string): Promise<void> {
  const modules = await Promise.all(
    TARGETS.map(async (target) => ({
      capability: target,
      name: `kSm${target}`,
      bytes: await Bun.file(join(folder, `sm_${target}.cubin`)).bytes(),
    })),
  );
  const ptx = new TextEncoder().encode(`${await Bun.file(join(folder, "kernels.ptx")).text()}\0`);
  modules.push({ capability: "0", name: "kPtx", bytes: ptx });
  const arrays = modules.map(({ name, bytes }) => arrayText(name, bytes));
  const entries = modules.map(({ capability, name }) => `    {${capability}, ${name}},\n`);
  const text = [
    `// ${await sourcesDigest()}\n`,
    "namespace vram_residency::digest {\nnamespace {\n\n",
    ...arrays,
    "\nconstexpr KernelImage kImages[] = {\n",
    ...entries,
    "};\n\n}  // namespace\n}  // namespace vram_residency::digest\n",
  ];
  await Bun.write(join(folder, IMAGES), text.join(""));
}

/** Names the header of {@link writeImages}, if there is one and it was made from the kernels as they are. */
export async function freshImages(folder: string = FOLDER): Promise<string | undefined> {
  const path = join(folder, IMAGES);
  const file = Bun.file(path);
  if (!(await file.exists())) return undefined;
  const line = `// ${await sourcesDigest()}\n`;
  return (await file.slice(0, line.length).text()) === line ? path : undefined;
}

/**
 * Makes the header of {@link writeImages} unless it is there already and made from the kernels as they are.
 *
 * @returns Its path; nothing where there is no nvcc.
 * @throws When a kernel does not compile, or is over a limit.
 */
export async function buildImages(): Promise<string | undefined> {
  const fresh = await freshImages();
  if (fresh !== undefined || Bun.which("nvcc") === null) return fresh;
  const faults = (await compileKernels(FOLDER)).flatMap(useFaults);
  if (faults.length > 0) throw new Error(faults.join("\n"));
  await writeImages(FOLDER);
  return freshImages();
}

if (import.meta.main) {
  if (Bun.which("nvcc") === null) {
    console.log("there is no nvcc: no kernels were built, digests of device memory are computed on the host");
  } else {
    const uses = await compileKernels(FOLDER);
    for (const { kernel, target, registers, localBytes } of uses) {
      console.log(`${kernel} on ${target}: ${registers} registers, ${localBytes} bytes of local memory`);
    }
    const faults = uses.flatMap(useFaults);
    for (const fault of faults) console.error(fault);
    if (faults.length === 0) await writeImages(FOLDER);
    process.exitCode = faults.length === 0 ? 0 : 1;
  }
}
