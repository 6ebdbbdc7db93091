/**
 * CUDA by itself, for Bun. Importing this module loads no native code either: `openCuda` and `openNativeDigests` do.
 *
 * @module
 */
export type {
  CudaOptions,
  DigestFileOptions,
  FileDigest,
  LibraryChoice,
  NativeDigests,
  NativeDigestsAnswer,
  NativeDigestsOptions,
  NativeLibrary,
} from "@vram-residency/allocator-cuda";
export { CudaAllocator, openCuda, openNativeDigests } from "@vram-residency/allocator-cuda";
