import { type FileSystem, VramError } from "@vram-residency/types";
import { path } from "./primitives.ts";
import { refuse } from "./refusal.ts";
import { checked, run } from "./schema.ts";

const UP_OR_NOTHING: ReadonlySet<string> = new Set(["", ".", ".."]);

/** A path that stays below wherever it is started from, on every system. */
function relativePath(value: unknown): string {
  const relative = path(value);
  if (relative.startsWith("/") || /^[A-Za-z]:/.test(relative)) {
    refuse("expected a relative path");
  }
  if (relative.includes("\\")) {
    refuse("expected a path without backslash");
  }
  if (relative.split("/").some((component) => UP_OR_NOTHING.has(component))) {
    refuse('expected a path without empty, "." or ".." components');
  }
  return relative;
}

/** `root` as the beginning of every path below it. */
function prefixOf(root: string): string {
  return root.endsWith("/") ? root : `${root}/`;
}

/**
 * Joins a root and a name that came from outside, such as one in an index of shards. Purely by the letters of the name.
 *
 * Symbolic links are not seen here: follow with {@link assertUnder} before opening.
 *
 * @param root - Trusted. Shape: 1 to 4096 bytes.
 * @param relative - Shape: 1 to 4096 bytes, components joined by "/".
 * @throws {@link VramError} `ERR_INPUT_INVALID` when the name is absolute, has a NUL, a backslash, a drive letter, or an
 * empty, "." or ".." component.
 */
export function resolveUnder(root: string, relative: string): string {
  const checkedRoot = run(checked(path), root, { root: "root" });
  return prefixOf(checkedRoot) + run(checked(relativePath), relative, { root: "path" });
}

async function realPath(fileSystem: FileSystem, name: "root" | "path", value: string): Promise<string> {
  const checkedPath = run(checked(path), value, { root: name });
  try {
    return await fileSystem.realPath(checkedPath);
  } catch (cause) {
    const message = `the ${name} cannot be resolved: check that it exists and that its directories may be searched`;
    throw new VramError("ERR_SOURCE", message, { reason: "unreadable" }, { cause });
  }
}

/**
 * Checks that a path, all symbolic links resolved, lies below a root.
 *
 * Open what this returns, with `noFollow`, rather than `path`: a link may change in between.
 *
 * @returns The real path.
 * @throws {@link VramError} `ERR_INPUT_INVALID` when it leads outside; `ERR_SOURCE` when either cannot be resolved.
 */
export async function assertUnder(root: string, path: string, fileSystem: FileSystem): Promise<string> {
  const realRoot = await realPath(fileSystem, "root", root);
  const real = await realPath(fileSystem, "path", path);
  if (!real.startsWith(prefixOf(realRoot))) {
    const reason = "leads outside the root: remove the symbolic link, or move the file below the root";
    throw new VramError("ERR_INPUT_INVALID", `path: ${reason}`, { field: "path", reason });
  }
  return real;
}
