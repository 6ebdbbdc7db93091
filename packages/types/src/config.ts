/** Settings of a manager. Parsed once by `parseConfig` of `@vram-residency/validation`, then frozen. */
export interface VramConfig {
  /** Device for shards that name none. */
  readonly gpuDevice: number;
  /** Largest shard. Unit: bytes. Default 100 GiB. */
  readonly maxModelBytes: number;
  /** Device memory kept free. Unit: bytes. "auto": 0 on the mock; on CUDA the larger of 10 % of free and 2 GiB. */
  readonly headroomBytes: number | "auto";
  /** Cap of host memory for staging. Unit: bytes. Default 128 MiB. */
  readonly stagingBytes: number;
  /** Who this process is, in the log. */
  readonly workerId: string;
  /** Separates key spaces of one root. Default "default". */
  readonly deployment: string;
  /** Derives the seal root from a token of at least 32 bytes. Whoever holds the token can forge seals. */
  readonly workerApiToken?: string;
  /** Seals older than this are refused. Unit: ms. */
  readonly maxSealAgeMs?: number;
  /** Limit for each operation, and for each driver call that cannot be cancelled (without it: 10 minutes). Unit: ms. */
  readonly deadlineMs?: number;
  /** Keep every block's digest in device memory (0.78 %), so that damage is located to 4 KiB rather than 512 KiB. */
  readonly storeLeaves: boolean;
}
