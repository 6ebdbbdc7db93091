const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;

/** A size for people. @param bytes - Unit: bytes. */
export function size(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(value < 10 ? 2 : 1)} ${UNITS[unit]}`;
}

/** Cuts text to a width, with a mark where something is missing. */
export function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}

/** Breaks text between words into lines of at most `width`; a longer word has a line of its own. At least one line. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line.length > 0 && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line.length === 0 ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

/** One column of a table. */
export interface Column {
  readonly title: string;
  readonly align: "left" | "right";
  /** Left out, the last first, where the first column would have to give way otherwise. */
  readonly optional?: true;
}

/**
 * A table with two spaces between columns, no line wider than `width`: optional columns go, then the first gives way.
 *
 * @param rows - One cell a column.
 */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width: number,
): string[] {
  const lines = [columns.map(({ title }) => title), ...rows];
  const widths = columns.map((_, index) => Math.max(...lines.map((line) => line[index]?.length ?? 0)));
  const kept = fitting(columns, widths, width);
  const rest = widthOf(kept.slice(1), widths) + 2;
  const first = Math.max(6, Math.min(widths[0] ?? 0, width - rest));
  return lines.map((line) => {
    const cells = kept.map((index) => {
      const columnWidth = index === 0 ? first : (widths[index] ?? 0);
      const text = cut(line[index] ?? "", columnWidth);
      return columns[index]?.align === "right" ? text.padStart(columnWidth) : text.padEnd(columnWidth);
    });
    return cut(cells.join("  ").trimEnd(), width);
  });
}

/** Which columns there is room for. */
function fitting(columns: readonly Column[], widths: readonly number[], width: number): readonly number[] {
  const kept = columns.map((_, index) => index);
  while (widthOf(kept, widths) > width) {
    const last = kept.findLastIndex((index) => columns[index]?.optional);
    if (last === -1) break;
    kept.splice(last, 1);
  }
  return kept;
}

function widthOf(kept: readonly number[], widths: readonly number[]): number {
  return kept.reduce((sum, index) => sum + (widths[index] ?? 0) + 2, -2);
}
