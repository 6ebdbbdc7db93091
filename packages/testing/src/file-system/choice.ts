/** Something that the power loss decides. */
export interface CrashQuestion {
  /**
   * "entry": was a directory's change (a name made, renamed or removed) on the disk? "length": which of a file's lengths was? "page":
   * how many of a page's changes were? "tear": how many bytes of the last of these, less one?
   */
  readonly about: "entry" | "length" | "page" | "tear";
  /** The file or directory. */
  readonly path: string;
  /** How many answers there are. Range: 2 or more. */
  readonly options: number;
}

/** Answers a question. Range: 0, nothing of it arrived, to `options` - 1, all of it did; others count modulo `options`. */
export type CrashChoice = (question: CrashQuestion) => number;

/**
 * Goes through every way a crash can go: give each choice to one crash that asks the same questions every time.
 *
 * @example
 * ```ts
 * for (const choose of everyCrash()) check(await recover(files.crash(choose)));
 * ```
 */
export function* everyCrash(): Generator<CrashChoice, void> {
  let trail: { answer: number; readonly options: number }[] = [];
  do {
    let asked = 0;
    yield ({ options }) => {
      const at = trail[asked] ?? { answer: 0, options };
      trail[asked] = at;
      asked += 1;
      return at.answer;
    };
    // What was not asked this time has no next answer.
    trail = trail.slice(0, asked);
    while (trail.length > 0 && (trail.at(-1)?.answer ?? 0) + 1 >= (trail.at(-1)?.options ?? 0)) trail.pop();
    const last = trail.at(-1);
    if (last !== undefined) last.answer += 1;
  } while (trail.length > 0);
}
