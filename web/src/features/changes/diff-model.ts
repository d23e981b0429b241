/** Pure: a unified diff as files and lines, with what changed within a line. */
import { diffWordsWithSpace } from "diff";
import parseDiff from "parse-diff";

export interface DiffLine {
  kind: "add" | "del" | "same";
  before: number | null;
  after: number | null;
  text: string;
  /** Ranges that differ from the line it replaces. */
  marks?: [number, number][];
}

export interface DiffFile {
  path: string;
  oldPath: string | null;
  change: "added" | "deleted" | "renamed" | "modified";
  isBinary: boolean;
  plus: number;
  minus: number;
  hunks: { head: string; lines: DiffLine[] }[];
}

/** More is not shown at once; it can be downloaded. */
export const LONGEST_DIFF = 6_000_000;
const LONGEST_MARKED = 400;

export function parse(text: string): DiffFile[] {
  return parseDiff(text).map((file) => {
    const to = file.to && file.to !== "/dev/null" ? file.to : null;
    const from = file.from && file.from !== "/dev/null" ? file.from : null;
    const change = file.new ? "added" : file.deleted ? "deleted" : from && to && from !== to ? "renamed" : "modified";
    return {
      path: to ?? from ?? "a file",
      oldPath: change === "renamed" ? from : null,
      change,
      isBinary: file.chunks.length === 0 && change === "modified",
      plus: file.additions,
      minus: file.deletions,
      hunks: file.chunks.map((chunk) => ({
        head: chunk.content.replace(/^@@[^@]*@@\s?/, ""),
        lines: marked(
          chunk.changes
            .filter((each) => !each.content.startsWith("\\"))
            .map((each) => ({
              kind: each.type === "add" ? "add" : each.type === "del" ? "del" : "same",
              before: each.type === "add" ? null : each.type === "del" ? each.ln : each.ln1,
              after: each.type === "del" ? null : each.type === "add" ? each.ln : each.ln2,
              text: each.content.slice(1),
            })),
        ),
      })),
    };
  });
}

/** Marks what differs between lines that replace one another. */
function marked(lines: DiffLine[]): DiffLine[] {
  let at = 0;
  while (at < lines.length) {
    if (lines[at]!.kind !== "del") {
      at += 1;
      continue;
    }
    let plus = at;
    while (lines[plus]?.kind === "del") plus += 1;
    let end = plus;
    while (lines[end]?.kind === "add") end += 1;
    const pairs = Math.min(plus - at, end - plus, 40);
    if (plus - at === end - plus || pairs === 1) {
      for (let index = 0; index < pairs; index += 1) mark(lines[at + index]!, lines[plus + index]!);
    }
    at = end;
  }
  return lines;
}

function mark(before: DiffLine, after: DiffLine): void {
  if (before.text.length > LONGEST_MARKED || after.text.length > LONGEST_MARKED) return;
  const left: [number, number][] = [];
  const right: [number, number][] = [];
  let a = 0;
  let b = 0;
  let same = 0;
  for (const part of diffWordsWithSpace(before.text, after.text)) {
    const { length } = part.value;
    if (part.removed) left.push([a, a + length]);
    else if (part.added) right.push([b, b + length]);
    else same += part.value.trim().length;
    if (!part.added) a += length;
    if (!part.removed) b += length;
  }
  // Lines that have little in common are two lines.
  if (same * 3 < Math.max(before.text.trim().length, after.text.trim().length)) return;
  before.marks = left;
  after.marks = right;
}

export type Row =
  | { kind: "file"; file: DiffFile; isOpen: boolean }
  | { kind: "hunk"; head: string; file: DiffFile }
  | { kind: "line"; line: DiffLine; file: DiffFile }
  | { kind: "pair"; left: DiffLine | null; right: DiffLine | null; file: DiffFile }
  | { kind: "note"; text: string; file: DiffFile };

/** The rows of a list of files; folded ones show their head only. */
export function rowsOf(files: DiffFile[], folded: Set<string>, isSplit: boolean): Row[] {
  const rows: Row[] = [];
  for (const file of files) {
    const isOpen = !folded.has(file.path);
    rows.push({ kind: "file", file, isOpen });
    if (!isOpen) continue;
    if (file.hunks.length === 0) {
      const text = file.change === "renamed" ? `renamed from ${file.oldPath ?? ""}` : file.change === "modified" ? "binary, or its mode only" : file.change === "added" ? "an empty or binary file" : "removed";
      rows.push({ kind: "note", text, file });
    }
    for (const hunk of file.hunks) {
      // A file that begins with its first line needs no line that says where it is.
      if (hunk.head !== "" || hunk !== file.hunks[0]) rows.push({ kind: "hunk", head: hunk.head, file });
      if (isSplit) rows.push(...pairs(hunk.lines, file));
      else for (const line of hunk.lines) rows.push({ kind: "line", line, file });
    }
  }
  return rows;
}

function pairs(lines: DiffLine[], file: DiffFile): Row[] {
  const rows: Row[] = [];
  let at = 0;
  while (at < lines.length) {
    const line = lines[at]!;
    if (line.kind === "same") {
      rows.push({ kind: "pair", left: line, right: line, file });
      at += 1;
      continue;
    }
    const left: DiffLine[] = [];
    const right: DiffLine[] = [];
    while (lines[at]?.kind === "del") left.push(lines[at++]!);
    while (lines[at]?.kind === "add") right.push(lines[at++]!);
    for (let index = 0; index < Math.max(left.length, right.length); index += 1) {
      rows.push({ kind: "pair", left: left[index] ?? null, right: right[index] ?? null, file });
    }
  }
  return rows;
}

export interface Folder {
  folder: string;
  files: DiffFile[];
}

export function folders(files: DiffFile[]): Folder[] {
  const found = new Map<string, DiffFile[]>();
  for (const file of files) {
    const at = file.path.lastIndexOf("/");
    const folder = at < 0 ? "" : file.path.slice(0, at);
    found.set(folder, [...(found.get(folder) ?? []), file]);
  }
  return [...found].sort(([a], [b]) => a.localeCompare(b)).map(([folder, of]) => ({ folder, files: of }));
}
