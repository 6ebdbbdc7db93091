import { VramError } from "@vram-residency/types";
import { assertBytes, refuseArgument } from "../arguments.ts";

/**
 * Lends a secret's bytes to `body` for one synchronous call. Packages of this project use it and none exports it.
 *
 * @throws {@link VramError} `ERR_STATE` when the secret was wiped; `ERR_INPUT_INVALID` for anything but a secret.
 */
export let lend: <Result>(secret: Secret, body: (bytes: Uint8Array) => Result) => Result;

/** True for a secret of these packages. Never throws. */
export let isSecret: (value: unknown) => boolean;

/** Bytes that nothing prints, serialises or clones. Wiping is best effort: the runtime may have made copies. */
export abstract class Secret implements Disposable {
  readonly #bytes: Uint8Array;
  #wiped = false;

  static {
    // By the private field: nothing else can look like one.
    isSecret = (value) => typeof value === "object" && value !== null && #bytes in value;
    lend = (secret, body) => {
      if (!isSecret(secret)) refuseArgument("key", "expected a RootSecret or a SealKey of this package");
      if (secret.#wiped) {
        throw new VramError("ERR_STATE", `this ${secret.name} was wiped: derive it again`, {
          state: "wiped",
          expected: "live",
        });
      }
      return body(secret.#bytes);
    };
    // Here, because a computed name in a class body has no type that declarations could state.
    Object.defineProperty(Secret.prototype, Symbol.for("nodejs.util.inspect.custom"), {
      value(this: Secret) {
        return this.name;
      },
    });
  }

  /** @param bytes - Copied; whoever made them should wipe them. */
  constructor(bytes: Uint8Array) {
    assertBytes(bytes, "secret");
    this.#bytes = Uint8Array.from(bytes);
  }

  /** All that is ever printed. */
  protected abstract get name(): string;

  toString(): string {
    return this.name;
  }

  /** @throws {@link VramError} `ERR_INPUT_INVALID`, always. */
  toJSON(): never {
    const reason = "a secret cannot be serialised: pass it as an object";
    throw new VramError("ERR_INPUT_INVALID", reason, { field: this.name, reason });
  }

  /** Wipes the bytes; every later use throws `ERR_STATE`. */
  [Symbol.dispose](): void {
    this.#bytes.fill(0);
    this.#wiped = true;
  }
}
