import { join } from "node:path";
import { judgeOnDisk } from "./disk.ts";
import type { Subject } from "./strace.ts";

/** The child that keeps a log: everything it was told is there, and the log is sound. */
export const KEEPER: Subject = {
  entry: join(import.meta.dir, "child.ts"),
  says: "acknowledged ",
  judge: judgeOnDisk,
};
