export { MockAllocator } from "./mock-allocator.ts";
export type { MockOptions } from "./options.ts";
