/** A value that JSON can carry without loss. Numbers are finite; what we authenticate uses safe integers only. */
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonObject;

/** A JSON object. */
export interface JsonObject {
  readonly [name: string]: JsonValue;
}
