import { printable } from "@vram-residency/audit";
import { type Model, type ModelFile, openModel } from "@vram-residency/formats";
import { nodeFileSystem } from "@vram-residency/types/node";
import { paint, printDocument, type Terminal } from "../terminal.ts";
import { cut, size, table } from "../text.ts";

/**
 * Runs `vramr inspect model`: prints what the headers of a model say.
 *
 * @throws {@link VramError} as `openModel` does.
 */
export async function inspectModel(path: string, json: boolean, terminal: Terminal): Promise<void> {
  const model = await openModel(path, nodeFileSystem);
  if (json) {
    const { format, bytes, tensorCount } = model;
    const files = model.files.map(({ name, bytes: fileBytes, payloadOffset, tensors }) => {
      return { name, bytes: fileBytes, payloadOffset, tensors };
    });
    printDocument(terminal, "inspect", "Model", { format, bytes, tensorCount, files });
    return;
  }
  terminal.out(`${modelText(model)}\n`);
  for (const file of model.files) printFile(file, terminal);
}

/** A model in one line. */
export function modelText({ format, files, tensorCount, bytes }: Model): string {
  return `${format}: ${count(files.length, "file")}, ${count(tensorCount, "tensor")}, ${size(bytes)} (${bytes} bytes)`;
}

function printFile({ name, bytes, payloadOffset, tensors }: ModelFile, terminal: Terminal): void {
  const columns = [
    { title: "tensor", align: "left" },
    { title: "dtype", align: "left" },
    { title: "shape", align: "left" },
    { title: "size", align: "right" },
    { title: "offset", align: "right" },
  ] as const;
  const rows = tensors.map((tensor) => [
    printable(tensor.name),
    tensor.dtype ?? "",
    `[${(tensor.shape ?? []).join(",")}]`,
    size(tensor.bytes),
    String(tensor.offset),
  ]);
  const facts = `${size(bytes)}, ${count(tensors.length, "tensor")} from byte ${payloadOffset}`;
  const title = cut(`${printable(name)}: ${facts}`, terminal.columns);
  terminal.out(`\n${paint(terminal, "strong", title)}\n`);
  for (const line of table(columns, rows, terminal.columns)) terminal.out(`${line}\n`);
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}
