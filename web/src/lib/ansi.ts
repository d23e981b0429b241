/** Pure: a line of a log with its ANSI colours as spans. Whatever is no colour is left out, never run. */

export interface Span {
  text: string;
  /** Class names: a colour `g r y b m c d`, `w` bold, `u` underlined, `inv` inverse. */
  style: string;
  /** Whether it is what was searched for. */
  isFound?: boolean;
}

interface Pen {
  colour: string;
  bold: boolean;
  dim: boolean;
  underline: boolean;
  inverse: boolean;
}

const NORMAL: Pen = { colour: "", bold: false, dim: false, underline: false, inverse: false };
const COLOURS = ["d", "r", "g", "y", "b", "m", "c", ""];

// CSI, OSC (until BEL or ST), and other two-character escapes.
const ESCAPE = /\u001b(?:\[([0-9;:?]*)([@-~])|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[@-Z\\^_])/g;
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f\u202a-\u202e\u2066-\u2069]/g;

/** Without escapes and control characters. */
export function plain(line: string): string {
  return line.replace(ESCAPE, "").replace(CONTROL, "");
}

export function spans(line: string): Span[] {
  // A progress bar overwrites its line: what was last on it counts.
  const last = line.replace(/\r+$/, "").split("\r").at(-1) ?? "";
  if (!last.includes("\u001b")) return last ? [{ text: last.replace(CONTROL, ""), style: "" }] : [];
  const found: Span[] = [];
  let pen = NORMAL;
  let from = 0;
  const put = (text: string) => {
    const clean = text.replace(CONTROL, "");
    if (clean) found.push({ text: clean, style: styleOf(pen) });
  };
  for (const match of last.matchAll(ESCAPE)) {
    put(last.slice(from, match.index));
    from = match.index + match[0].length;
    if (match[2] === "m") pen = paint(pen, match[1] ?? "");
  }
  put(last.slice(from));
  return found;
}

function paint(pen: Pen, codes: string): Pen {
  const list = codes.split(/[;:]/).map((code) => Number(code || 0));
  let next = pen;
  for (let index = 0; index < list.length; index += 1) {
    const code = list[index]!;
    if (code === 0) next = NORMAL;
    else if (code === 1) next = { ...next, bold: true };
    else if (code === 2) next = { ...next, dim: true };
    else if (code === 4) next = { ...next, underline: true };
    else if (code === 7) next = { ...next, inverse: true };
    else if (code === 22) next = { ...next, bold: false, dim: false };
    else if (code === 24) next = { ...next, underline: false };
    else if (code === 27) next = { ...next, inverse: false };
    else if (code >= 30 && code <= 37) next = { ...next, colour: COLOURS[code - 30]! };
    else if (code >= 90 && code <= 97) next = { ...next, colour: COLOURS[code - 90]! };
    else if (code === 39) next = { ...next, colour: "" };
    else if (code === 38 || code === 48) {
      const isPalette = list[index + 1] === 5;
      if (code === 38) next = { ...next, colour: isPalette ? palette(list[index + 2] ?? 7) : nearest(list.slice(index + 2, index + 5)) };
      index += isPalette ? 2 : 4;
    }
  }
  return next;
}

function palette(index: number): string {
  if (index < 16) return COLOURS[index % 8]!;
  if (index >= 232) return index < 244 ? "d" : "";
  const cube = index - 16;
  return nearest([Math.floor(cube / 36) * 51, (Math.floor(cube / 6) % 6) * 51, (cube % 6) * 51]);
}

/** The colour of ours that comes nearest, so that contrast holds in both themes. */
function nearest([red = 0, green = 0, blue = 0]: number[]): string {
  const most = Math.max(red, green, blue);
  const least = Math.min(red, green, blue);
  if (most - least < 40) return most < 128 ? "d" : "";
  const high = (value: number) => value > (most + least) / 2;
  if (high(red) && high(green)) return "y";
  if (high(red) && high(blue)) return "m";
  if (high(green) && high(blue)) return "c";
  return high(red) ? "r" : high(green) ? "g" : "b";
}

function styleOf(pen: Pen): string {
  const names = [pen.dim ? "d" : pen.colour];
  if (pen.bold) names.push("w");
  if (pen.underline) names.push("u");
  if (pen.inverse) names.push("inv");
  return names.filter(Boolean).join(" ");
}

/** The same spans, with what was searched for in spans of its own, whatever its case. Counts at most so many. */
export function marked(all: Span[], query: string, most = 200): Span[] {
  const text = all.map((span) => span.text).join("");
  const low = text.toLowerCase();
  const needle = query.toLowerCase();
  // Some letters are longer when small; then places in one are none in the other.
  if (needle === "" || low.length !== text.length) return all;
  const found: Span[] = [];
  let span = 0;
  let begin = 0;
  const put = (to: number, isFound: boolean) => {
    for (; span < all.length; span += 1) {
      const { text: words, style } = all[span]!;
      const end = begin + words.length;
      const from = Math.max(at, begin);
      if (from < Math.min(to, end)) found.push({ text: words.slice(from - begin, Math.min(to, end) - begin), style, ...(isFound ? { isFound } : {}) });
      if (end > to) break;
      begin = end;
    }
    at = to;
  };
  let at = 0;
  for (let match = low.indexOf(needle), n = 0; match >= 0 && n < most; match = low.indexOf(needle, at), n += 1) {
    put(match, false);
    put(match + needle.length, true);
  }
  put(text.length, false);
  return found;
}
