/**
 * What CUDA itself answers: the only check that loads anything, and only when the machine could have a GPU.
 *
 * @module
 */
import { byteCount, type DeviceFacts, isVramError, type ResidencyEvidence } from "@vram-residency/types";
import { createPolicy, evaluatePolicy } from "vram-residency";
import { size } from "../text.ts";
import type { Finding } from "./finding.ts";

/** What one device says, of itself and of a small allocation on it. */
export interface DeviceAnswer {
  readonly facts: DeviceFacts;
  readonly evidence: ResidencyEvidence;
}

/** What CUDA answers. */
export interface CudaAnswer {
  readonly library: { readonly digest: string; readonly pinned: boolean };
  readonly devices: readonly DeviceAnswer[];
}

const PROBE_BYTES = 4096;
/** A driver that hangs must not hang the doctor. Unit: ms. */
const CALL_MS_MAX = 30_000;

/**
 * Asks every device for its facts, and for evidence about a small allocation, which is wiped and freed.
 *
 * @throws {@link VramError} as `openCuda`, and driver errors.
 */
export async function askCuda(): Promise<CudaAnswer> {
  const { openCuda } = await import("vram-residency/cuda");
  await using cuda = await openCuda({ callMs: CALL_MS_MAX });
  const devices: DeviceAnswer[] = [];
  for (const facts of await cuda.devices()) {
    const id = await cuda.allocate(facts.ordinal, byteCount(PROBE_BYTES, "bytes"));
    await cuda.protect(id, "read");
    devices.push({ facts, evidence: await cuda.evidence(id) });
    await cuda.protect(id, "read-write");
    await cuda.wipe(id);
    await cuda.free(id);
  }
  return { library: cuda.library, devices };
}

/** What there is to say about the answer, or about why there is none. */
export async function cudaFindings(ask: () => Promise<CudaAnswer>): Promise<readonly Finding[]> {
  try {
    const { library, devices } = await ask();
    const pinned = library.pinned ? "pinned" : "not pinned: the strict policy refuses it";
    const loaded: Finding = {
      check: "native library",
      state: library.pinned ? "ok" : "note",
      found: `sha256:${library.digest}, ${pinned}`,
      ...(library.pinned
        ? {}
        : { remedy: "install the published platform package, or name the library and its digest" }),
      stops: [],
    };
    return [loaded, ...devices.map(deviceFinding)];
  } catch (error) {
    if (!isVramError(error)) throw error;
    const unavailable = error.code === "ERR_DRIVER_UNAVAILABLE";
    return [
      {
        check: "CUDA",
        state: "missing",
        found: unavailable ? error.detail.missing : error.message,
        remedy: unavailable ? error.detail.remedy : "look at the driver's own log: dmesg, nvidia-smi",
        stops: ["cuda"],
      },
    ];
  }
}

function deviceFinding({ facts, evidence }: DeviceAnswer): Finding {
  const { stable } = evidence;
  const decision = evaluatePolicy(createPolicy("default"), {
    phase: "allocation",
    requestedBackend: "cuda",
    device: facts,
    allocation: { evidence, bytes: PROBE_BYTES, readOnlyAsked: false },
    staging: { usedBytes: 0, capBytes: 0, loading: false },
  });
  const found =
    `${facts.name}, ${facts.uuid}, ${size(facts.totalBytes)}; memory by ${stable.path}: ${stable.location}, ` +
    `${stable.memoryType}, read-only is ${stable.access === "read" ? "enforced" : stable.access}`;
  const check = `device ${facts.ordinal}`;
  if (decision.effect === "permit" && decision.warnings.length === 0)
    return { check, state: "ok", found, stops: [] };
  const reasons = decision.effect === "refuse" ? decision.reasons : decision.warnings;
  return {
    check,
    state: decision.effect === "refuse" ? "missing" : "note",
    found: `${found}; ${reasons.map(({ rule }) => rule).join(", ")}`,
    remedy: reasons.map(({ remedy }) => remedy).join("; "),
    stops: decision.effect === "refuse" ? ["cuda"] : [],
  };
}
