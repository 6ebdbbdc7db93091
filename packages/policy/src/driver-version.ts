/** A version in parts, the most significant first. */
export type DriverVersion = readonly number[];

/** Shape of a driver version: 1 to 4 numbers of at most 5 digits, joined by dots. */
export const DRIVER_VERSION: RegExp = /^[0-9]{1,5}(?:\.[0-9]{1,5}){0,3}$/;

/** @returns Undefined for what is no version, "unknown" included. */
export function parseDriverVersion(text: unknown): DriverVersion | undefined {
  return typeof text === "string" && DRIVER_VERSION.test(text) ? text.split(".").map(Number) : undefined;
}

/** Compares part by part; a missing part counts as 0. By number: 535.9 is older than 535.104. */
export function isAtLeast(version: DriverVersion, floor: DriverVersion): boolean {
  for (let part = 0; part < Math.max(version.length, floor.length); part++) {
    const difference = (version[part] ?? 0) - (floor[part] ?? 0);
    if (difference !== 0) {
      return difference > 0;
    }
  }
  return true;
}
