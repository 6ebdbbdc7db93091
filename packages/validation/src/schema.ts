/**
 * The bridge to valibot. Every leaf is a function that returns a checked value or refuses; nothing here, and nothing
 * valibot makes of it, ever writes a value into an error.
 *
 * @module
 */
import { hasCode, VramError } from "@vram-residency/types";
import * as v from "valibot";
import { Refusal, refuse } from "./refusal.ts";
import { GETTER, snapshotList, snapshotRecord } from "./snapshot.ts";

/** Takes anything, gives a `T` or an issue. */
export type Schema<T> = v.GenericSchema<unknown, T>;

/** Makes a value checked: returns it, branded or copied, or calls `refuse`. */
export type Check<T> = (value: unknown) => T;

interface IssueSink {
  addIssue(info: {
    message: string;
    received: string;
    expected: string;
    input: undefined;
    path?: Path;
  }): void;
  readonly NEVER: never;
}

type Path = [v.ObjectPathItem, ...v.ObjectPathItem[]];

function pathOf(keys: readonly string[]): Path | undefined {
  const [first, ...rest] = keys.map(
    (key): v.ObjectPathItem => ({ type: "object", origin: "value", input: {}, key, value: undefined }),
  );
  return first === undefined ? undefined : [first, ...rest];
}

function guard<T>(sink: IssueSink, action: () => T): T {
  try {
    return action();
  } catch (error) {
    // Anything but our own refusal was thrown by the input itself (a Proxy's trap); its words are not ours to repeat.
    const refusal = error instanceof Refusal ? error : new Refusal("cannot be read", []);
    const path = pathOf(refusal.keys);
    // `received` and `input` are given, so that valibot does not put the value into words.
    const info = { message: refusal.reason, received: "", expected: "", input: undefined };
    sink.addIssue(path === undefined ? info : { ...info, path });
    return sink.NEVER;
  }
}

/** Makes a schema of one check. */
export function checked<T>(check: Check<T>): Schema<T> {
  return v.pipe(
    v.unknown(),
    v.rawTransform((context) =>
      guard<T>(context, () => {
        if (context.dataset.value === GETTER) {
          refuse("expected a plain value, not a getter");
        }
        return check(context.dataset.value);
      }),
    ),
  );
}

/** Makes a check of a brand's constructor, which throws `ERR_INPUT_INVALID` and never runs the input's code. */
export function branded<T>(construct: (value: unknown, field: string) => T): Check<T> {
  return (value) => {
    try {
      return construct(value, "");
    } catch (error) {
      return refuse(hasCode(error, "ERR_INPUT_INVALID") ? error.detail.reason : "cannot be read");
    }
  };
}

/** A plain object with exactly these keys. Its output is a new frozen object. */
export function record<Entries extends v.ObjectEntries>(
  entries: Entries,
): Schema<Readonly<v.InferOutput<v.ObjectSchema<Entries, undefined>>>> {
  const known: ReadonlySet<string> = new Set(Object.keys(entries));
  const plain = checked((value) => snapshotRecord(value, known));
  return refined(v.pipe(plain, v.object(entries, "is missing")), Object.freeze) as Schema<
    Readonly<v.InferOutput<v.ObjectSchema<Entries, undefined>>>
  >;
}

/** An array of at most `lengthMax` elements. Its output is a new frozen array. */
export function list<T>(item: Schema<T>, lengthMax: number): Schema<readonly T[]> {
  const plain = checked((value) => snapshotList(value, lengthMax));
  return refined(v.pipe(plain, v.array(item)), (value) => Object.freeze(value));
}

/** A further rule over what a schema gave. */
export function refined<T, Out>(schema: Schema<T>, rule: (value: T) => Out): Schema<Out> {
  return v.pipe(
    schema,
    v.rawTransform((context) => guard<Out>(context, () => rule(context.dataset.value))),
  );
}

/** How {@link run} names what it refuses. */
export interface RunOptions {
  /** Field of the whole input. */
  readonly root: string;
  /** True: fields inside it are named "root.part", else "part". */
  readonly nested?: boolean;
  /** Default "ERR_INPUT_INVALID". */
  readonly code?: "ERR_INPUT_INVALID" | "ERR_CONFIG_INVALID";
}

/** Writes a path as "tensors[3].bytes". */
function fieldOf(path: readonly { readonly key?: unknown }[], options: RunOptions): string {
  let field = path.length === 0 || options.nested ? options.root : "";
  for (const { key } of path) {
    field += typeof key === "number" ? `[${key}]` : `${field === "" ? "" : "."}${String(key)}`;
  }
  return field;
}

/**
 * Parses `input`, or throws the first issue.
 *
 * @throws {@link VramError} `options.code`, with the field and the reason, never the value.
 */
export function run<T>(schema: Schema<T>, input: unknown, options: RunOptions): T {
  const result = v.safeParse(schema, input, { abortEarly: true, abortPipeEarly: true });
  if (result.success) {
    return result.output;
  }
  const { path, message: reason } = result.issues[0];
  const field = fieldOf(path ?? [], options);
  throw new VramError(options.code ?? "ERR_INPUT_INVALID", `${field}: ${reason}`, { field, reason });
}
