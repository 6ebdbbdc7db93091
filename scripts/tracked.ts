/**
 * Rules about the files that are, or are about to be, under version control.
 *
 * @module
 */
import { run } from "./process.ts";
import { filesIn } from "./project.ts";

/** Paths that exist on somebody's machine only, and hosts that serve packages. Written so that they do not match themselves. */
const UNWANTED: readonly (readonly [string, RegExp])[] = [
  ["a home directory", /(?<![\w.-])\/(?:home|Users)\/[a-z_][\w.-]*\//],
  ["a machine's path", /(?<![\w.*-])\/(?:root|work|workspace|workspaces|tmp\/boot)\/[\w.-]/],
  [
    "a registry's host",
    /\b(?:registry|npm|pkgs?|artifactory|nexus|verdaccio)\.[a-z0-9-]+\.(?:org|com|net|dev|io)\b/i,
  ],
];

/**
 * Lists tracked files, and untracked ones that are not ignored, which exist; without a repository, every file that is not built.
 *
 * @returns Shape: paths relative to `root`, sorted.
 */
export async function trackedFiles(root: string): Promise<readonly string[]> {
  // A checkout that belongs to another user, as in a container, is still only read.
  const git = [
    "git",
    "-c",
    "safe.directory=*",
    "ls-files",
    "-z",
    "--cached",
    "--others",
    "--exclude-standard",
  ];
  const { code, output } = await run(git, { cwd: root });
  if (code !== 0) return filesIn(root, "**/*");
  const paths = [...new Set(output.split("\0").filter((path) => path !== ""))].sort();
  const exist = await Promise.all(paths.map((path) => Bun.file(`${root}/${path}`).exists()));
  return paths.filter((_, index) => exist[index]);
}

/** Names what `text` gives away about where it was written. */
export function giveaways(text: string): readonly string[] {
  return UNWANTED.filter(([, pattern]) => pattern.test(text)).map(([name]) => name);
}
