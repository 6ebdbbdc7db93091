export type { NativeLibrary } from "./cuda-allocator.ts";
export { CudaAllocator } from "./cuda-allocator.ts";
export type { LibraryChoice } from "./find-library.ts";
export { openCuda } from "./open-cuda.ts";
export type { CudaOptions } from "./options.ts";
