import { VramError } from "@vram-residency/types";

/** An argument that no device could make sense of. */
export function invalid(field: string, reason: string): VramError<"ERR_INPUT_INVALID"> {
  return new VramError("ERR_INPUT_INVALID", `${field}: ${reason}`, { field, reason });
}

/** A call that this allocation cannot take now. */
export function wrongState(state: string, expected: string): VramError<"ERR_STATE"> {
  return new VramError("ERR_STATE", `the allocation is ${state}, expected it ${expected}`, {
    state,
    expected,
  });
}

/** An id that names no live allocation. */
export function stale(): VramError<"ERR_STATE"> {
  return wrongState("freed, or never was", "live until the call returns");
}

export function closed(): VramError<"ERR_STATE"> {
  return new VramError("ERR_STATE", "the allocator is closed, open a new one", {
    state: "closed",
    expected: "open",
  });
}

/** Something that the machine lacks. */
export function unavailable(missing: string, remedy: string): VramError<"ERR_DRIVER_UNAVAILABLE"> {
  return new VramError("ERR_DRIVER_UNAVAILABLE", `${missing}; ${remedy}`, { missing, remedy });
}

export function badSource(reason: "unreadable" | "changed" | "truncated"): VramError<"ERR_SOURCE"> {
  const what = {
    unreadable: "the source cannot be read: check that it is there and may be read",
    changed: "the source changed, or is longer than the allocation: load one that nothing writes to",
    truncated: "the source is shorter than the allocation: open it again",
  }[reason];
  return new VramError("ERR_SOURCE", what, { reason });
}
