import { type JsonValue, VramError } from "@vram-residency/types";
import { isBytes, readOptions, refuseArgument } from "./arguments.ts";
import { isWellFormed } from "./bytes.ts";

/** Options of {@link parseStrictJson}. */
export interface StrictJsonOptions {
  /** What is being read, for the error: "seal", "safetensors". */
  readonly format: string;
  /** Longest input. Unit: bytes of UTF-8. */
  readonly maxBytes: number;
  /** Deepest nesting of arrays and objects. Default 64. */
  readonly maxDepth?: number;
}

/**
 * Parses JSON that comes from outside, and refuses everything that two parsers could read differently.
 *
 * Objects come without a prototype, so a name such as `__proto__` or `constructor` is a name like any other.
 *
 * @param input - UTF-8 bytes, or text that was decoded already.
 * @throws {@link VramError} `ERR_FORMAT_INVALID`. Its rule is one of "too-large", "utf8", "bom", "lone-surrogate",
 * "syntax", "end", "trailing-data", "depth", "duplicate-name", "control-character", "escape", "number" (not JSON's
 * grammar) and "number-range" (not finite, or an integer beyond 2^53 - 1). Its offset counts UTF-16 code units of the
 * decoded text, which for ASCII are bytes. `ERR_INPUT_INVALID` for anything but bytes or text, and for options without limits.
 */
export function parseStrictJson(input: Uint8Array | string, options: StrictJsonOptions): JsonValue {
  const checked = readOptions(options, "options", ["format", "maxBytes", "maxDepth"]);
  const { format, maxBytes, maxDepth = 64 } = checked;
  if (typeof format !== "string") refuseArgument("options.format", "expected text");
  // A limit that is no number would be none.
  if (!Number.isSafeInteger(maxBytes) || !Number.isSafeInteger(maxDepth)) {
    refuseArgument("options", "expected maxBytes and maxDepth to be integers");
  }
  if (typeof input !== "string" && !isBytes(input)) refuseArgument("input", "expected bytes or text");
  return new Parser(decode(input, checked), checked).parse();
}

function decode(input: Uint8Array | string, { format, maxBytes }: StrictJsonOptions): string {
  if (input.length > maxBytes) refuse(format, "too-large", 0);
  let text: string;
  if (typeof input === "string") {
    if (!isWellFormed(input)) refuse(format, "lone-surrogate", 0);
    if (new TextEncoder().encode(input).length > maxBytes) refuse(format, "too-large", 0);
    text = input;
  } else {
    try {
      text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(input);
    } catch {
      refuse(format, "utf8", 0);
    }
  }
  if (text.startsWith("\uFEFF")) refuse(format, "bom", 0);
  return text;
}

function refuse(format: string, rule: string, offset: number): never {
  throw new VramError(
    "ERR_FORMAT_INVALID",
    `${format} breaks the JSON rule "${rule}" at ${offset}: write it again with a conforming encoder`,
    { format, rule, offset },
  );
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['"', '"'],
  ["\\", "\\"],
  ["/", "/"],
  ["b", "\b"],
  ["f", "\f"],
  ["n", "\n"],
  ["r", "\r"],
  ["t", "\t"],
]);

class Parser {
  readonly #text: string;
  readonly #format: string;
  readonly #maxDepth: number;
  readonly #number: RegExp = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
  #at = 0;

  constructor(text: string, { format, maxDepth = 64 }: StrictJsonOptions) {
    this.#text = text;
    this.#format = format;
    this.#maxDepth = maxDepth;
  }

  parse(): JsonValue {
    const value = this.#value(0);
    this.#space();
    if (this.#at < this.#text.length) this.#refuse("trailing-data");
    return value;
  }

  #value(depth: number): JsonValue {
    this.#space();
    switch (this.#text[this.#at]) {
      case "{":
        return this.#object(depth + 1);
      case "[":
        return this.#array(depth + 1);
      case '"':
        return this.#string();
      case "t":
        return this.#word("true", true);
      case "f":
        return this.#word("false", false);
      case "n":
        return this.#word("null", null);
      default:
        return this.#numeric();
    }
  }

  #object(depth: number): JsonValue {
    if (depth > this.#maxDepth) this.#refuse("depth");
    const object: Record<string, JsonValue> = Object.create(null);
    this.#at += 1;
    if (this.#closes("}")) return object;
    do {
      this.#space();
      const start = this.#at;
      if (this.#text.charCodeAt(start) !== QUOTE) this.#refuseHere();
      const name = this.#string();
      if (name in object) this.#refuse("duplicate-name", start);
      this.#space();
      if (this.#text[this.#at] !== ":") this.#refuseHere();
      this.#at += 1;
      object[name] = this.#value(depth);
    } while (!this.#ends("}"));
    return object;
  }

  #array(depth: number): JsonValue {
    if (depth > this.#maxDepth) this.#refuse("depth");
    const array: JsonValue[] = [];
    this.#at += 1;
    if (this.#closes("]")) return array;
    do array.push(this.#value(depth));
    while (!this.#ends("]"));
    return array;
  }

  /** After an element: true past the closing bracket, false past a comma. */
  #ends(bracket: string): boolean {
    if (this.#closes(bracket)) return true;
    if (this.#text.charCodeAt(this.#at) !== COMMA) this.#refuseHere();
    this.#at += 1;
    return false;
  }

  #closes(bracket: string): boolean {
    this.#space();
    if (this.#text[this.#at] !== bracket) return false;
    this.#at += 1;
    return true;
  }

  #string(): string {
    const text = this.#text;
    let at = this.#at + 1;
    let start = at;
    let value = "";
    let escaped = false;
    for (;;) {
      const unit = text.charCodeAt(at);
      if (unit === QUOTE) break;
      if (unit < 0x20) this.#refuse("control-character", at);
      // Past the end `charCodeAt` is NaN, which every comparison above answers with false.
      if (at >= text.length) this.#refuse("end", at);
      if (unit === BACKSLASH) {
        value += text.slice(start, at) + this.#escape(at);
        at += text[at + 1] === "u" ? 6 : 2;
        start = at;
        escaped = true;
      } else {
        at += 1;
      }
    }
    value += text.slice(start, at);
    // The text as a whole is well formed: only an escape can have brought half a pair.
    if (escaped && !isWellFormed(value)) this.#refuse("lone-surrogate", this.#at);
    this.#at = at + 1;
    return value;
  }

  #escape(at: number): string {
    const letter = this.#text[at + 1] ?? this.#refuse("end", at);
    if (letter !== "u") return ESCAPES.get(letter) ?? this.#refuse("escape", at);
    const digits = this.#text.slice(at + 2, at + 6);
    if (!/^[0-9A-Fa-f]{4}$/.test(digits)) this.#refuse("escape", at);
    return String.fromCharCode(Number.parseInt(digits, 16));
  }

  #numeric(): number {
    this.#number.lastIndex = this.#at;
    const [digits] = this.#number.exec(this.#text) ?? this.#refuseHere();
    const next = this.#text[this.#at + digits.length];
    if (next !== undefined && /[0-9.eE+-]/.test(next)) this.#refuse("number");
    const value = Number(digits);
    const exact = Number.isInteger(value) ? Number.isSafeInteger(value) : Number.isFinite(value);
    if (!exact) this.#refuse("number-range");
    this.#at += digits.length;
    return value;
  }

  #word<Value extends JsonValue>(word: string, value: Value): Value {
    if (!this.#text.startsWith(word, this.#at)) this.#refuse("syntax");
    this.#at += word.length;
    return value;
  }

  #space(): void {
    for (;;) {
      const unit = this.#text.charCodeAt(this.#at);
      if (unit !== 0x20 && unit !== 0x0a && unit !== 0x0d && unit !== 0x09) return;
      this.#at += 1;
    }
  }

  #refuseHere(): never {
    const here = this.#text[this.#at];
    if (here === undefined) this.#refuse("end");
    this.#refuse(/[-+.0-9]/.test(here) ? "number" : "syntax");
  }

  #refuse(rule: string, offset: number = this.#at): never {
    refuse(this.#format, rule, offset);
  }
}
