/** A sink on files in memory, with everything that can go wrong in the test's hands. */
import { auditEvent, JsonlSink, type JsonlSinkOptions } from "@vram-residency/audit";
import {
  type FakeTimers,
  fakeClock,
  fakeTimers,
  type MemoryFileSystem,
  memoryFileSystem,
  seededRandom,
} from "@vram-residency/testing";
import type { AuditEvent, FileHandle, FileSystem } from "@vram-residency/types";

export interface Bench {
  readonly files: MemoryFileSystem;
  readonly timers: FakeTimers;
  advance(ms: number): void;
  open(options?: Partial<JsonlSinkOptions>): Promise<JsonlSink>;
  /** The log's lines as they are on "disk"; the last one is empty when the file ends with a newline. */
  lines(sink: JsonlSink): readonly string[];
}

export function openBench(): Bench {
  const clock = fakeClock();
  const timers = fakeTimers(clock);
  const files = memoryFileSystem();
  const random = seededRandom(1);
  return {
    files,
    timers,
    advance: (ms) => clock.advance(ms),
    open: (options) =>
      JsonlSink.open({ fileSystem: files, clock, timers, random, directory: "/state/audit", ...options }),
    lines: (sink) => new TextDecoder().decode(files.get(sink.path)).split("\n"),
  };
}

/** An event that can be told from every other. */
export function numbered(count: number): AuditEvent {
  return auditEvent("SegmentClosed", { records: count });
}

/** What {@link numbered} put into each line, of the lines that came from it. */
export function numbers(lines: readonly string[]): number[] {
  return lines.flatMap((line) => {
    const record: unknown = line === "" ? {} : JSON.parse(line);
    const { type, data } = record as { type?: string; data?: { records: number } };
    return type === "SegmentClosed" && data !== undefined ? [data.records] : [];
  });
}

/** `files` with its handles replaced. */
export function withHandles(files: FileSystem, wrap: (file: FileHandle) => Partial<FileHandle>): FileSystem {
  return {
    ...bound(files),
    open: async (path, options) => {
      const file = await files.open(path, options);
      return { ...boundHandle(file), ...wrap(file) };
    },
  };
}

function bound(files: FileSystem): FileSystem {
  return {
    open: (path, options) => files.open(path, options),
    stat: (path) => files.stat(path),
    list: (path) => files.list(path),
    makeDirectory: (path, permissions) => files.makeDirectory(path, permissions),
    rename: (from, to) => files.rename(from, to),
    remove: (path) => files.remove(path),
    syncDirectory: (path) => files.syncDirectory(path),
    realPath: (path) => files.realPath(path),
  };
}

function boundHandle(file: FileHandle): FileHandle {
  return {
    fd: file.fd,
    read: (into, position) => file.read(into, position),
    write: (bytes, position) => file.write(bytes, position),
    dataSync: () => file.dataSync(),
    truncate: (bytes) => file.truncate(bytes),
    stat: () => file.stat(),
    [Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
  };
}
