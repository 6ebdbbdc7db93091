import { execFile } from "node:child_process";
import { access, constants, readdir, readFile, stat, statfs } from "node:fs/promises";
import { release, tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { askCuda, type CudaAnswer } from "./cuda.ts";

/** What the checks may ask of a machine. Nothing here changes it, and only `cuda` loads a library. */
export interface Machine {
  readonly platform: string;
  readonly arch: string;
  readonly kernel: string;
  /** Versions of the runtime by name, such as "bun". */
  readonly versions: Readonly<Record<string, string | undefined>>;
  readonly temporaryDirectory: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Names in a directory; none when it cannot be read. */
  list(path: string): Promise<readonly string[]>;
  /** A small text file; undefined when it cannot be read. */
  read(path: string): Promise<string | undefined>;
  /** Unit: bytes; undefined when it cannot be told. */
  freeBytes(path: string): Promise<number | undefined>;
  /** Permission bits of a file; undefined when it is not there. */
  permissions(path: string): Promise<number | undefined>;
  /** Where a program is; undefined when it is not on the path. */
  program(name: string): Promise<string | undefined>;
  /** What CUDA answers. @throws {@link VramError} as `openCuda`, and driver errors. */
  cuda(): Promise<CudaAnswer>;
  /** Every library that the dynamic linker knows by name, as `ldconfig -p` prints them; empty when it cannot be asked. */
  libraries(): Promise<string>;
}

const LDCONFIG_MS_MAX = 5000;

/** This machine. */
export const thisMachine: Machine = {
  platform: process.platform,
  arch: process.arch,
  kernel: release(),
  versions: process.versions,
  temporaryDirectory: tmpdir(),
  environment: process.env,
  list: (path) => readdir(path).catch(() => []),
  read: (path) => readFile(path, "utf8").catch(() => undefined),
  freeBytes: (path) =>
    statfs(path).then(
      ({ bavail, bsize }) => bavail * bsize,
      () => undefined,
    ),
  permissions: (path) =>
    stat(path).then(
      ({ mode }) => mode & 0o777,
      () => undefined,
    ),
  async program(name) {
    for (const directory of [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/sbin"]) {
      const path = join(directory, name);
      if (
        directory !== "" &&
        (await access(path, constants.X_OK).then(
          () => true,
          () => false,
        ))
      )
        return path;
    }
    return undefined;
  },
  cuda: askCuda,
  async libraries() {
    const ldconfig = await thisMachine.program("ldconfig");
    if (ldconfig === undefined) return "";
    return await promisify(execFile)(ldconfig, ["-p"], { timeout: LDCONFIG_MS_MAX }).then(
      ({ stdout }) => stdout,
      () => "",
    );
  },
};
