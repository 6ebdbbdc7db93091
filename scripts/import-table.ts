/**
 * Who may import whom from `src`, types included. Changing a row is a reviewed change: ARCHITECTURE.md draws this table.
 *
 * @module
 */

/** Where in a package's sources something may be used. */
export type Place = "nowhere" | "src/node" | "anywhere";

/** What the sources of one package may import. */
export interface Row {
  /** Names of packages; a subpath counts as its package. */
  readonly imports: readonly string[];
  /** Where `node:` modules and the siblings' `./node` subpaths may be imported. */
  readonly node: Place;
  /** Where `bun`, `bun:*` and the global `Bun` may be used. */
  readonly bun: Place;
}

const TYPES = "@vram-residency/types";
const CRYPTO = "@vram-residency/crypto";
const FORMATS = "@vram-residency/formats";
const PROVENANCE = "@vram-residency/provenance";
const MANAGER = "@vram-residency/manager";
const MIDDLE = ["validation", "seal", "audit", "policy"].map((id) => `@vram-residency/${id}`);
const LIBRARY = [
  TYPES,
  CRYPTO,
  ...MIDDLE,
  FORMATS,
  "@vram-residency/allocator-cuda",
  "@vram-residency/allocator-mock",
  MANAGER,
  "@vram-residency/loader",
];

/** One row a package, by folder name. A package without a row may not exist. */
export const IMPORT_TABLE: Readonly<Record<string, Row>> = {
  types: { imports: [], node: "src/node", bun: "nowhere" },
  crypto: { imports: [TYPES, "@noble/hashes"], node: "src/node", bun: "nowhere" },
  validation: { imports: [TYPES, CRYPTO, "valibot"], node: "nowhere", bun: "nowhere" },
  seal: { imports: [TYPES, CRYPTO], node: "nowhere", bun: "nowhere" },
  audit: { imports: [TYPES, CRYPTO], node: "nowhere", bun: "nowhere" },
  policy: { imports: [TYPES, CRYPTO], node: "nowhere", bun: "nowhere" },
  formats: { imports: [TYPES, CRYPTO], node: "nowhere", bun: "nowhere" },
  provenance: { imports: [TYPES, CRYPTO], node: "src/node", bun: "nowhere" },
  "allocator-mock": { imports: [TYPES, CRYPTO], node: "nowhere", bun: "nowhere" },
  "allocator-cuda": {
    imports: [TYPES, CRYPTO, "@vram-residency/allocator-cuda-linux-x64"],
    node: "anywhere",
    bun: "anywhere",
  },
  "allocator-cuda-linux-x64": { imports: [], node: "anywhere", bun: "nowhere" },
  testing: { imports: [TYPES, CRYPTO, "fast-check"], node: "nowhere", bun: "nowhere" },
  manager: { imports: [TYPES, CRYPTO, ...MIDDLE], node: "nowhere", bun: "nowhere" },
  loader: { imports: [TYPES, CRYPTO, FORMATS, MANAGER], node: "nowhere", bun: "nowhere" },
  "vram-residency": { imports: LIBRARY, node: "anywhere", bun: "nowhere" },
  cli: {
    imports: [...LIBRARY, PROVENANCE, "vram-residency", "commander"],
    node: "anywhere",
    bun: "anywhere",
  },
};
