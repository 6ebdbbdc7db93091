/** Where a record is kept. */
export interface SlotName {
  readonly slot: number;
  readonly generation: number;
}

interface Slot<Entry> {
  generation: number;
  entry: Entry | undefined;
}

/** Live records by slot and generation. A slot that is used again gets the next generation, so an old name finds nothing. */
export class SlotTable<Entry> {
  readonly #slots: Slot<Entry>[] = [];
  readonly #vacant: number[] = [];
  readonly #limit: number;

  /** @param limit - Most live records. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get live(): number {
    return this.#slots.length - this.#vacant.length;
  }

  get full(): boolean {
    return this.live >= this.#limit;
  }

  add(entry: Entry): SlotName {
    const slot = this.#vacant.pop() ?? this.#slots.length;
    const generation = (this.#slots[slot]?.generation ?? 0) + 1;
    this.#slots[slot] = { generation, entry };
    return { slot, generation };
  }

  /** @returns undefined for a name that is stale, or was never given. */
  get(name: SlotName): Entry | undefined {
    const slot = this.#slots[name.slot];
    return slot?.generation === name.generation ? slot.entry : undefined;
  }

  /** The name of the first live record that `wanted` says yes to. */
  search(wanted: (entry: Entry) => boolean): SlotName | undefined {
    const slot = this.#slots.findIndex(({ entry }) => entry !== undefined && wanted(entry));
    const found = this.#slots[slot];
    return found === undefined ? undefined : { slot, generation: found.generation };
  }

  remove(name: SlotName): void {
    const slot = this.#slots[name.slot];
    if (slot?.entry === undefined || slot.generation !== name.generation) return;
    slot.entry = undefined;
    this.#vacant.push(name.slot);
  }
}
