export type { MockControl } from "@vram-residency/allocator-mock/testing";
export { mockControl } from "@vram-residency/allocator-mock/testing";
