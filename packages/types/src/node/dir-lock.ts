import { spawn } from "node:child_process";
import { VramError } from "../error.ts";
import type { DirLock, FileHandle } from "../ports.ts";
import { nodeFileSystem } from "./file-system.ts";

/** The lock file's name inside the directory. It is never removed: whoever removes one opens the door to a second. */
const LOCK_FILE = "lock";
/** What `flock --nonblock` exits with when somebody else has the lock. */
const HELD = 1;
const CANNOT_LOCK = "cannot be locked; choose one on a local file system";

/**
 * One writer per directory, under Bun and Node alike: the `flock` program of util-linux locks descriptors that stay ours.
 *
 * Locks belong to the open file, so they outlive the program, exclude both runtimes and a second holder in the same process, and end
 * with the process that took them, however it ends. The directory itself is locked, so that a removed lock file lets nobody
 * in, and the lock file in it, which other hosts of a network file system see too.
 *
 * `acquire` rejects with `ERR_STATE` when the directory is locked already, and with `ERR_CONFIG_INVALID` when it is missing or may
 * not be written to, when its file system has no locks, or when there is no `flock` on the `PATH`.
 */
export const nodeDirLock: DirLock = {
  async acquire(directory: string): Promise<AsyncDisposable> {
    const handles: FileHandle[] = [];
    try {
      for (const open of [openDirectory, openLockFile]) {
        const handle = await open(directory);
        handles.push(handle);
        await lock(handle.fd);
      }
    } catch (error) {
      await close(handles);
      throw error;
    }
    return { [Symbol.asyncDispose]: () => close(handles) };
  },
};

async function openDirectory(directory: string): Promise<FileHandle> {
  const handle = await opened(nodeFileSystem.open(directory, { mode: "read" }));
  if ((await handle.stat()).kind === "directory") return handle;
  await handle[Symbol.asyncDispose]();
  throw refused("directory", "is none; name a directory");
}

function openLockFile(directory: string): Promise<FileHandle> {
  return opened(nodeFileSystem.open(`${directory}/${LOCK_FILE}`, { mode: "append", noFollow: true }));
}

async function opened(opening: Promise<FileHandle>): Promise<FileHandle> {
  try {
    return await opening;
  } catch (cause) {
    const reason = "is missing, or this user may not write to it; make it, or change its permissions";
    throw refused("directory", reason, cause);
  }
}

/** Locks an open file, for as long as the descriptor or a copy of it is open. */
async function lock(fd: number): Promise<void> {
  const exit = await flock(fd);
  if (exit === HELD) {
    throw new VramError(
      "ERR_STATE",
      "the directory is locked by another writer: stop that one (`lslocks` names it), or choose another directory",
      { state: "locked", expected: "unlocked" },
    );
  }
  if (exit !== 0) throw refused("directory", CANNOT_LOCK);
}

function flock(fd: number): Promise<number | null> {
  return new Promise((resolve, reject) => {
    const child = spawn("flock", ["--nonblock", "3"], { stdio: ["ignore", "ignore", "ignore", fd] });
    child.once("error", (cause) => {
      reject(refused("PATH", "has no `flock` program; install util-linux", cause));
    });
    child.once("exit", resolve);
  });
}

/** Ends the locks, the last one first. */
async function close(handles: readonly FileHandle[]): Promise<void> {
  for (const handle of handles.toReversed()) await handle[Symbol.asyncDispose]();
}

function refused(field: "directory" | "PATH", reason: string, cause?: unknown): VramError {
  const options = cause === undefined ? undefined : { cause };
  return new VramError("ERR_CONFIG_INVALID", `${field}: ${reason}`, { field, reason }, options);
}
