import { expect, test } from "bun:test";
import manifest from "../package.json" with { type: "json" };

test("is a command and nothing to import", () => {
  expect(manifest.bin).toEqual({ vramr: "./dist/main.js" });
  expect(Object.keys(manifest.exports)).toEqual(["./package.json"]);
});
