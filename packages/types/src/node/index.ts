export { nodeDirLock } from "./dir-lock.ts";
export { nodeFileSystem } from "./file-system.ts";
export { systemClock, systemRandom, systemTimers } from "./system.ts";
