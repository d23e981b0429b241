/** A window onto a log of any length: some of its bytes as lines, more on demand, never all of it. */

/** A part that is fetched at once, and how much is kept, in bytes. */
export const PART = 512 * 1024;
const KEPT = 3 * PART;
/** More lines than a window ever moves by. */
const EVERY = 1_000_000_000;

interface Part {
  from: number;
  to: number;
  /** Its text cut at newlines: the first piece goes on from the part before, the last into the next. */
  pieces: string[];
  isLineStart: boolean;
}

export interface Fetched {
  offset: number;
  next: number;
  total: number;
  content: string;
  /** Whether a line is known to begin at its offset. */
  isLineStart?: boolean;
}

/** Pure but for its own state: what is fetched is put in, and the lines are read. */
export class LogWindow {
  #parts: Part[] = [];
  #lines: string[] = [];
  total = 0;
  /** Lines that came in above since the last time this was asked. */
  #above = 0;
  /** Counts how often it began anew, so that lines of before have other ids. */
  #times = 0;
  #first = 0;

  get from(): number {
    return this.#parts[0]?.from ?? 0;
  }

  get to(): number {
    return this.#parts.at(-1)?.to ?? 0;
  }

  get isAtStart(): boolean {
    return this.from === 0;
  }

  get isAtEnd(): boolean {
    return this.to >= this.total;
  }

  get lines(): string[] {
    return this.#lines;
  }

  /** The id of its first line. A line keeps its id for as long as it is here, whatever is added above it. */
  get first(): number {
    return this.#first;
  }

  /** The id that the first line had when it began. */
  get base(): number {
    return this.#times * EVERY;
  }

  /** Lines added above since this was last asked; negative when they were dropped. */
  takeShift(): number {
    const shift = this.#above;
    this.#above = 0;
    return shift;
  }

  /** Begins anew with this part. */
  reset(fetched: Fetched): void {
    this.#parts = [part(fetched)];
    this.total = Math.max(fetched.total, fetched.next);
    this.#above = 0;
    this.#times += 1;
    this.#first = this.base;
    this.#rebuild();
  }

  /** The part before the window. */
  prepend(fetched: Fetched): void {
    if (fetched.next !== this.from) return;
    const before = this.#lines.length;
    this.#parts.unshift(part(fetched));
    this.#rebuild();
    this.#moved(this.#lines.length - before);
    if (this.to - this.from > KEPT && this.#parts.length > 1) {
      this.#parts.pop();
      this.#rebuild();
    }
  }

  /** The part after the window, or what was just written. */
  append(fetched: Fetched): void {
    this.total = Math.max(this.total, fetched.total, fetched.next);
    if (fetched.offset !== this.to || fetched.content === "") return;
    const added = part(fetched);
    const last = this.#parts.at(-1);
    const [first = "", ...rest] = added.pieces;
    if (this.#lines.length === 0) this.#lines.push("");
    this.#lines[this.#lines.length - 1] += first;
    for (const piece of rest) this.#lines.push(piece);
    if (last && last.to - last.from < PART) {
      last.pieces[last.pieces.length - 1] += first;
      for (const piece of rest) last.pieces.push(piece);
      last.to = added.to;
    } else {
      this.#parts.push(added);
    }
    if (this.to - this.from > KEPT && this.#parts.length > 1) {
      const before = this.#lines.length;
      this.#parts.shift();
      this.#rebuild();
      this.#moved(this.#lines.length - before);
    }
  }

  /** So many lines came in above the first one, or left. */
  #moved(lines: number): void {
    this.#above += lines;
    this.#first -= lines;
  }

  #rebuild(): void {
    const lines: string[] = [];
    for (const [index, each] of this.#parts.entries()) {
      const [first = "", ...rest] = each.pieces;
      if (index === 0) {
        // Within a line it begins with the rest of one: left out, until what is before it is here.
        if (each.from === 0 || each.isLineStart || rest.length === 0) lines.push(first);
      } else {
        if (lines.length === 0) lines.push("");
        lines[lines.length - 1] += first;
      }
      for (const piece of rest) lines.push(piece);
    }
    this.#lines = lines;
  }
}

function part(fetched: Fetched): Part {
  return { from: fetched.offset, to: fetched.next, pieces: fetched.content.split("\n"), isLineStart: fetched.isLineStart ?? false };
}

export interface Match {
  /** The byte its line begins at. */
  offset: number;
}

/** So many matches are counted; more are "more than". */
export const MOST_MATCHES = 10_000;

/** Finds lines of a stream of bytes that contain this text, whatever its case. Calls back as it goes. */
export class Finder {
  readonly matches: Match[] = [];
  seen = 0;
  #rest: Uint8Array[] = [];
  #restLength = 0;
  #lineAt = 0;
  #decoder = new TextDecoder();
  #needle: string;

  constructor(query: string) {
    this.#needle = query.toLowerCase();
  }

  get isFull(): boolean {
    return this.matches.length >= MOST_MATCHES;
  }

  push(bytes: Uint8Array): void {
    let from = 0;
    // Whole lines at once: decoding one by one is slow.
    const end = bytes.lastIndexOf(10);
    if (end >= 0) {
      this.#rest.push(bytes.subarray(0, end + 1));
      this.#scan(join(this.#rest, this.#restLength + end + 1));
      this.#rest = [];
      this.#restLength = 0;
      from = end + 1;
    }
    if (from < bytes.length) {
      this.#rest.push(bytes.slice(from));
      this.#restLength += bytes.length - from;
    }
    this.seen += bytes.length;
  }

  end(): void {
    if (this.#restLength > 0) this.#scan(join(this.#rest, this.#restLength));
    this.#rest = [];
  }

  #scan(block: Uint8Array): void {
    const start = this.#lineAt;
    this.#lineAt += block.length;
    const text = this.#decoder.decode(block).toLowerCase();
    if (!text.includes(this.#needle)) return;
    let at = 0;
    while (at < block.length && !this.isFull) {
      let end = block.indexOf(10, at);
      if (end < 0) end = block.length;
      const line = this.#decoder.decode(block.subarray(at, end)).toLowerCase();
      if (line.includes(this.#needle)) this.matches.push({ offset: start + at });
      at = end + 1;
    }
  }
}

function join(parts: Uint8Array[], length: number): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const each of parts) {
    whole.set(each, at);
    at += each.length;
  }
  return whole;
}
