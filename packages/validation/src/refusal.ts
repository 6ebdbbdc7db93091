/** Why one value was refused. Private to this package, so that no hostile object can throw one with words of its own. */
export class Refusal {
  readonly reason: string;
  /** Where inside the refused value. Empty: the value itself. */
  readonly keys: readonly string[];

  constructor(reason: string, keys: readonly string[]) {
    this.reason = reason;
    this.keys = keys;
  }
}

/**
 * Refuses the value at hand.
 *
 * @param reason - What was expected; never the value. Lower case, one line.
 * @param keys - Names the part that was wrong, when the rule is about the whole.
 */
export function refuse(reason: string, ...keys: readonly string[]): never {
  throw new Refusal(reason, keys);
}
