#!/usr/bin/env bun
import { packageVersion } from "./version.ts";

const args = process.argv.slice(2);
if (args.length === 1 && (args[0] === "--version" || args[0] === "-V")) {
  // Answered before anything else is loaded, since scripts ask for it often; and by `console`, which takes a reader that is
  // gone in silence, and is there without the machinery of streams.
  console.log(packageVersion());
} else {
  const { start } = await import("./start.ts");
  await start(args);
}
