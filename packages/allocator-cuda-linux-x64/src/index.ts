export type { NativeLibraryFile } from "./native-library.ts";
export { nativeLibrary } from "./native-library.ts";
