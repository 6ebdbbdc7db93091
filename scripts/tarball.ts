/**
 * Packs a package as it would be published, and looks at what is inside.
 *
 * @module
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { run } from "./process.ts";
import type { Manifest, Package } from "./project.ts";

/** A packed package. */
export interface Tarball {
  readonly id: string;
  readonly name: string;
  /** Shape: absolute path of the `.tgz`. */
  readonly path: string;
}

/** The file `bun pm pack` names after a package: "@scope/name" 0.1.0 is "scope-name-0.1.0.tgz". */
function fileName({ name, version }: Manifest): string {
  return `${name.replace(/^@/, "").replace("/", "-")}-${version}.tgz`;
}

/** Where {@link pack} puts the tarball of `subject`. */
export function tarballOf({ id, manifest }: Package, destination: string): Tarball {
  return { id, name: manifest.name, path: join(destination, fileName(manifest)) };
}

/** Packs `subject` with Bun, which rewrites `workspace:` and `catalog:` to versions. @throws When it cannot be packed. */
export async function pack(subject: Package, destination: string): Promise<Tarball> {
  await mkdir(destination, { recursive: true });
  const { code, output } = await run(
    [process.execPath, "pm", "pack", "--destination", destination, "--quiet", "--ignore-scripts"],
    { cwd: subject.folder },
  );
  const tarball = tarballOf(subject, destination);
  if (code !== 0 || !(await Bun.file(tarball.path).exists()))
    throw new Error(`bun pm pack failed\n${output.trim()}`);
  return tarball;
}

/** Everything that may lie in a published package. */
const WANTED =
  /^package\/(package\.json|README\.md|CHANGELOG\.md|LICENSE|template\/[a-z-]+\.ts|dist\/libvram_residency\.so(?:\.sha256)?|dist\/(?!.*\b(?:test|spec)\b).*\.(?:js|d\.ts))$/;

/** What the device memory of the fake driver is called, which no other file has a reason to say. */
const FAKE_DRIVER = ["vrfake", "device", "memory"].join("-");

/** Lists what is wrong with a tarball's contents, one line each. */
export async function contentFaults({ path }: Tarball): Promise<readonly string[]> {
  const files = await new Bun.Archive(await Bun.file(path).bytes()).files();
  const faults = [...files.keys()].filter((name) => !WANTED.test(name)).map((name) => `holds ${name}`);
  for (const name of ["README.md", "LICENSE"]) {
    if (!files.has(`package/${name}`)) faults.push(`lacks ${name}`);
  }
  const manifest = (await files.get("package/package.json")?.text()) ?? "";
  for (const protocol of ["workspace:", "catalog:", "file:", "link:"]) {
    if (manifest.includes(`"${protocol}`)) faults.push(`package.json still says ${protocol}`);
  }
  for (const [name, file] of files) {
    if ((await file.text()).includes(FAKE_DRIVER))
      faults.push(`${name} is a fake driver, which is for tests`);
    if (name.endsWith(".js") && (await file.text()).includes("sourceMappingURL"))
      faults.push(`${name} names a source map`);
  }
  return faults;
}
