/**
 * CUDA by itself, for Bun. Importing this module loads no native code either: `openCuda` does.
 *
 * @module
 */
export type { CudaOptions, LibraryChoice, NativeLibrary } from "@vram-residency/allocator-cuda";
export { CudaAllocator, openCuda } from "@vram-residency/allocator-cuda";
