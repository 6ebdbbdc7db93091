export type { NativeLibrary } from "./cuda-allocator.ts";
export { CudaAllocator } from "./cuda-allocator.ts";
export type { DigestFileOptions, FileDigest } from "./digest-file.ts";
export type { LibraryChoice } from "./find-library.ts";
export { openCuda } from "./open-cuda.ts";
export type { NativeDigests, NativeDigestsAnswer, NativeDigestsOptions } from "./open-digests.ts";
export { openNativeDigests } from "./open-digests.ts";
export type { CudaOptions } from "./options.ts";
