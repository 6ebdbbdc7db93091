export { nodeFileSystem } from "./file-system.ts";
export { systemClock, systemRandom, systemTimers } from "./system.ts";
