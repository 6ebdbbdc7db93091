import { integer } from "./primitives.ts";
import { refuse } from "./refusal.ts";
import { checked, record, refined, run, type Schema } from "./schema.ts";

/** Most members of a group. */
export const GROUP_MEMBERS_MAX = 65_536;

/** One shard's place in a tensor-parallel group. */
export interface ShardGroup {
  /** Random, the same in every member. Shape: 32 lowercase hexadecimal digits. */
  readonly id: string;
  /** Range: 0 to total - 1. */
  readonly index: number;
  /** Range: 1 to 65536. */
  readonly total: number;
}

function groupId(value: unknown): string {
  return typeof value === "string" && /^[0-9a-f]{32}$/.test(value)
    ? value
    : refuse("expected 32 lowercase hexadecimal digits");
}

/** The position of a member. */
export const memberIndex: Schema<number> = checked(integer(0, GROUP_MEMBERS_MAX - 1));

/** The size of a group. */
export const memberTotal: Schema<number> = checked(integer(1, GROUP_MEMBERS_MAX));

/** The schema behind {@link parseGroup}. */
export const groupSchema: Schema<ShardGroup> = refined(
  record({ id: checked(groupId), index: memberIndex, total: memberTotal }),
  (group) => (group.index < group.total ? group : refuse("expected less than group.total", "index")),
);

/**
 * Parses a shard's place in a group.
 *
 * @throws {@link VramError} `ERR_INPUT_INVALID`.
 */
export function parseGroup(input: unknown): ShardGroup {
  return run(groupSchema, input, { root: "group", nested: true });
}
