import { expect, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { PROVENANCE_RULES } from "@vram-residency/provenance";

test("the specification has every rule, and no other", async () => {
  const page = await readFile(join(import.meta.dir, "../../../docs/spec/provenance-v1.md"), "utf8");
  const rows = [...page.matchAll(/^\| (`[^|]+) \|/gm)].flatMap(([, cell = ""]) => [
    ...cell.matchAll(/`([a-z0-9-]+)`/g),
  ]);
  const named = new Set(rows.map(([, rule = ""]) => rule));
  for (const rule of ["manifest-shape", "checksum-line"]) if (page.includes(`\`${rule}\``)) named.add(rule);

  expect([...named].sort()).toEqual([...PROVENANCE_RULES].sort());
});
