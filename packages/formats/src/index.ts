export { tensorBytes } from "./dtype.ts";
export type { GgufHeader } from "./gguf.ts";
export { GGUF_HEADER_BYTES_MAX, readGgufHeader } from "./gguf.ts";
export type { Model, ModelFile } from "./model.ts";
export { openModel } from "./model.ts";
export type { SafetensorsHeader } from "./safetensors.ts";
export { readSafetensorsHeader, SAFETENSORS_HEADER_BYTES_MAX } from "./safetensors.ts";
