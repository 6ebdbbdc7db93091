import { packages, ROOT } from "../scripts/project.ts";
import { BUDGETS, sizeOf } from "../scripts/sizes.ts";
import { type Part, part } from "./part.ts";

/** What the parts that go into other people's pages weigh. */
export async function sizeParts(): Promise<readonly Part[]> {
  const all = await packages(ROOT);
  const parts: Part[] = [];
  for (const { what, packageName, names, gzippedMax } of BUDGETS) {
    const subject = all.find(({ manifest }) => manifest.name === packageName);
    if (subject === undefined) throw new Error(`there is no package ${packageName}`);
    const { gzipped, minified } = await sizeOf(subject, names);
    const detail = { what, minified };
    parts.push(
      part(`size-of-${subject.id}`, "bundle, gzipped, bytes", { atMost: gzippedMax }, gzipped, detail),
    );
  }
  return parts;
}
