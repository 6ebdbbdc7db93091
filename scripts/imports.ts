/**
 * What a source file imports and which globals it touches, read from its text.
 *
 * @module
 */

const TRIVIA = /"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`|\/\/[^\n]*|\/\*[\s\S]*?\*\//g;

/** Globals that only some runtimes have, as code would use them. */
const RUNTIME_GLOBALS: Readonly<Record<string, RegExp>> = {
  Buffer: /(?<![.\w$])Buffer\b(?!\s*:)/,
  process: /(?<![.\w$])process\s*(?:\?\.|\.|\[)/,
  require: /(?<![.\w$])require\s*\(/,
  Bun: /(?<![.\w$])Bun\s*(?:\?\.|\.|\[)/,
};

/** Removes comments, and what `text` says inside of quotes if `keepStrings` is false. Code inside of templates stays. */
function codeOf(text: string, keepStrings: boolean): string {
  return text.replace(TRIVIA, (found) => {
    if (found.startsWith("//") || found.startsWith("/*")) return " ";
    if (keepStrings) return found;
    if (!found.startsWith("`")) return '""';
    return [...found.matchAll(/\$\{([^}]*)\}/g)].map(([, code = ""]) => `(${code})`).join(" ");
  });
}

/** What {@link readImports} found. */
export interface Imports {
  /** Every module named by an import, a re-export, an `import()` or an `import type`, once each. */
  readonly specifiers: readonly string[];
  /** True when an `import()` names its module by anything but one literal. */
  readonly computed: boolean;
}

/** Reads every way in which `source` imports: a parser finds those of values, a pattern those of types. */
export function readImports(source: string): Imports {
  const text = source.replace(/^#![^\n]*/, "");
  const code = codeOf(text, true);
  const found = new Bun.Transpiler({ loader: "ts" }).scanImports(text).map(({ path }) => path);
  const patterns = [
    /\b(?:import|export)\s[^;"']*?\bfrom\s*["']([^"']+)["']/g,
    /\bimport\s*["']([^"']+)["']/g,
    /\bimport\s*\(\s*["']([^"']+)["']/g,
  ];
  for (const pattern of patterns) {
    for (const [, specifier = ""] of code.matchAll(pattern)) found.push(specifier);
  }
  return {
    specifiers: [...new Set(found)].sort(),
    computed: /(?<![.\w$])import\s*\(\s*(?!["'][^"']*["']\s*[,)])/.test(code),
  };
}

/** The package a bare specifier belongs to: "@scope/name/sub" is "@scope/name". */
export function packageOf(specifier: string): string {
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}

/** Names the runtime globals that `text` uses outside of comments and strings. */
export function runtimeGlobals(text: string): readonly string[] {
  const code = codeOf(text, false);
  return Object.entries(RUNTIME_GLOBALS)
    .filter(([, pattern]) => pattern.test(code))
    .map(([name]) => name);
}

/** True when `text` has re-exports by name and nothing else. */
export function isReexportsOnly(text: string): boolean {
  const rest = codeOf(text, true).replace(/\bexport\s+(?:type\s+)?\{[^{}]*\}\s*from\s*"[^"]+"\s*;/g, "");
  return rest.trim() === "";
}
