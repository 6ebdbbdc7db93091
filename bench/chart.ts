/**
 * A line chart of throughput against shard size, as SVG, without dependencies.
 *
 * @module
 */
import type { Point } from "./throughput.ts";

const WIDTH = 720;
const HEIGHT = 400;
const PLOT = { left: 64, right: 640, top: 64, bottom: 344 };
const SERIES = [
  { name: "verify", color: "#0f6e56" },
  { name: "seal", color: "#185fa5" },
] as const;
const INK = "#2c2c2a";
const FAINT = "#6b6a65";
const GRID = "#e4e3de";

/** Writes the chart. @param caption - One line below the title: where it was measured. */
export function throughputChart(points: readonly Point[], caption: string): string {
  const top = ceiling(Math.max(...points.flatMap(({ seal, verify }) => [seal, verify])) / 1e9);
  const exponents = points.map(({ shardBytes }) => Math.log2(shardBytes));
  const [first, last] = [Math.min(...exponents), Math.max(...exponents)];
  const x = (bytes: number): number =>
    PLOT.left + ((Math.log2(bytes) - first) / Math.max(1, last - first)) * (PLOT.right - PLOT.left);
  const y = (rate: number): number => PLOT.bottom - (rate / 1e9 / top) * (PLOT.bottom - PLOT.top);
  const lines = [
    text(
      PLOT.left,
      26,
      "Seal and verify throughput on the mock device, by shard size",
      INK,
      'font-weight="600" font-size="15"',
    ),
    text(PLOT.left, 44, caption, FAINT),
    ...steps(top).flatMap((rate) => [
      `<line x1="${PLOT.left}" x2="${PLOT.right}" y1="${at(y(rate * 1e9))}" y2="${at(y(rate * 1e9))}" stroke="${GRID}"/>`,
      text(PLOT.left - 8, y(rate * 1e9) + 4, `${rate}`, FAINT, 'text-anchor="end"'),
    ]),
    text(PLOT.left - 8, PLOT.top - 10, "GB/s", FAINT, 'text-anchor="end"'),
    ...points.map(({ shardBytes }) =>
      text(x(shardBytes), PLOT.bottom + 20, sizeOf(shardBytes), FAINT, 'text-anchor="middle"'),
    ),
    text((PLOT.left + PLOT.right) / 2, PLOT.bottom + 42, "shard size", FAINT, 'text-anchor="middle"'),
    ...SERIES.flatMap(({ name, color }) => series(points, name, color, x, y)),
  ];
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="system-ui, sans-serif" font-size="12" role="img">
<title>Seal and verify throughput by shard size</title>
<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>
${lines.join("\n")}
</svg>
`;
}

function series(
  points: readonly Point[],
  name: "seal" | "verify",
  color: string,
  x: (bytes: number) => number,
  y: (rate: number) => number,
): readonly string[] {
  const places = points.map((point) => ({ px: at(x(point.shardBytes)), py: at(y(point[name])), point }));
  const path = places.map(({ px, py }, index) => `${index === 0 ? "M" : "L"}${px} ${py}`).join(" ");
  const end = points.at(-1);
  return [
    `<path d="${path}" fill="none" stroke="${color}" stroke-width="2" stroke-linejoin="round"/>`,
    ...places.map(
      ({ px, py, point }) =>
        `<circle cx="${px}" cy="${py}" r="3" fill="${color}"><title>${name}, ${sizeOf(point.shardBytes)}: ${(point[name] / 1e9).toFixed(2)} GB/s</title></circle>`,
    ),
    end === undefined ? "" : text(x(end.shardBytes) + 10, y(end[name]) + 4, name, color, 'font-weight="600"'),
  ];
}

function text(px: number, py: number, words: string, fill: string, more = ""): string {
  const escaped = words.replace(/[&<>]/g, (sign) => `&#${sign.charCodeAt(0)};`);
  return `<text x="${at(px)}" y="${at(py)}" fill="${fill}" ${more}>${escaped}</text>`;
}

/** A round number above `value`, so that the axis ends on a line of its grid. */
function ceiling(value: number): number {
  const step = stepOf(value);
  return Math.ceil(value / step) * step;
}

function steps(top: number): readonly number[] {
  const step = stepOf(top);
  return Array.from({ length: Math.round(top / step) + 1 }, (_, index) => Number((index * step).toFixed(2)));
}

function stepOf(value: number): number {
  return value > 5 ? 1 : value > 2 ? 0.5 : value > 0.8 ? 0.25 : 0.1;
}

function at(value: number): number {
  return Math.round(value * 10) / 10;
}

function sizeOf(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB"];
  const power = Math.min(3, Math.floor(Math.log2(bytes) / 10));
  return `${bytes / 2 ** (10 * power)} ${units[power] ?? ""}`;
}
