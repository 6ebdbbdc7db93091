import { expect, test } from "bun:test";

test("the template for users' CI is the test that runs here", async () => {
  const template = Bun.file(new URL("../../testing/template/vram-ci.ts", import.meta.url));
  const ours = Bun.file(new URL("./ci-template.test.ts", import.meta.url));

  expect(await template.text()).toBe(await ours.text());
});
