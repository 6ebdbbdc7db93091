/**
 * What the documentation says, taken apart so that it can be tried.
 *
 * A fenced block of TypeScript runs as it stands. What it needs besides, and the text names, comes from a comment before it
 * that readers do not see: `<!-- given`, code, `-->`. A line that ends with `// => text` prints that text, one that ends with
 * `// throws text` ends the block with it. `ts no-run: reason` is type-checked only. Blocks with `file=path` are files of one
 * folder, and those of them that are tests are run there.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { ROOT } from "./project.ts";
import { trackedFiles } from "./tracked.ts";

/** One block of code in a page. */
export interface Block {
  /** The page, relative to the root, and the line it begins at. */
  readonly place: string;
  readonly language: string;
  /** What follows the language: "no-run: why", "file=a/b.ts", or nothing. */
  readonly info: string;
  readonly code: string;
  /** Code from the comment before it. */
  readonly given: string;
}

/** Every page: Markdown under version control, relative to `root`. */
export async function pages(root: string): Promise<readonly string[]> {
  const files = await trackedFiles(root);
  return files.filter((path) => path.endsWith(".md") && !path.startsWith(".changeset/"));
}

/** Finds the fenced blocks of a page. Indented fences, as in lists, lose their indentation. */
export function blocksOf(page: string, text: string): readonly Block[] {
  const fence = /(?:<!-- given\n([\s\S]*?)-->\n\s*)?^( *)```(\w+)?([^\n]*)\n([\s\S]*?)^\2```$/gm;
  return [...text.matchAll(fence)].map((found) => {
    const [whole, given = "", indent = "", language = "", info = "", code = ""] = found;
    const line = text.slice(0, found.index + whole.indexOf("```")).split("\n").length;
    const code1 = indent === "" ? code : code.replace(new RegExp(`^${indent}`, "gm"), "");
    return { place: `${page}:${line}`, language, info: info.trim(), code: code1, given };
  });
}

/** What a block promises to print, in order. */
export function promisedLines({ code }: Block): readonly string[] {
  return [...code.matchAll(/\/\/ => (.*)$/gm)].map(([, text = ""]) => text.trim());
}

/** The failure a block promises to end with. */
export function promisedFailure({ code }: Block): string | undefined {
  return /\/\/ throws (.*)$/m.exec(code)?.[1]?.trim();
}

/** The file a block is, when it says so. */
export function fileOf({ info }: Block): string | undefined {
  return /^file=(\S+)$/.exec(info)?.[1];
}

/** Why a block does not run, when it says so. */
export function whyNotRun({ info }: Block): string | undefined {
  return /^no-run: (.+)$/.exec(info)?.[1];
}

/** Commands that a page tells its readers to type: `bun run …`, `bun x …`, `npx …`, `vramr …` and `.ci/run`, without decoration. */
export function commandsIn(text: string): readonly string[] {
  const inline = [...text.matchAll(/`([^`\n]+)`/g)].map(([, code = ""]) => code);
  const lines = text.split("\n").map((line) => line.replace(/^(?: {4}|\$ )/, ""));
  const isCommand = /^(?:npx --yes bun@\S+ run|bun run|bun x|vramr|\.ci\/run)(?: |$)/;
  return [
    ...new Set([...inline, ...lines].map((line) => line.trim()).filter((line) => isCommand.test(line))),
  ];
}

/** Anchors that a page has, as the common renderers make them of its headings. */
export function anchorsOf(text: string): readonly string[] {
  const headings = text.replace(/^```[\s\S]*?^```$/gm, "").matchAll(/^#+ (.*)$/gm);
  return [...headings].map(([, title = ""]) =>
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

/** Links of a page that lead nowhere: no such file below the root, or no such heading in it. */
export async function brokenLinks(page: string, text: string): Promise<readonly string[]> {
  const prose = text.replace(/^ *```[\s\S]*?^ *```$/gm, "").replace(/`[^`\n]*`(?!\]\()/g, "");
  const broken: string[] = [];
  for (const [, target = ""] of prose.matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^[a-z]+:/.test(target)) continue;
    const [path = "", anchor] = target.split("#");
    const file = path === "" ? page : normalize(join(dirname(page), path));
    const isPage = file.endsWith(".md");
    const there = isPage ? await Bun.file(join(ROOT, file)).exists() : existsSync(join(ROOT, file));
    if (file.startsWith("..") || !there) broken.push(`${page}: ${target}`);
    else if (
      anchor !== undefined &&
      isPage &&
      !anchorsOf(await Bun.file(join(ROOT, file)).text()).includes(anchor)
    ) {
      broken.push(`${page}: ${target}`);
    }
  }
  return broken;
}
