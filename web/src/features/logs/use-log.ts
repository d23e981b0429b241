/** A log as it is fetched, goes on, is jumped in and searched. */
import { useEffect, useMemo, useReducer, useRef, useState } from "react";
import { get, Problem, send } from "~/api/client";
import { endpoints } from "~/api/endpoints";
import { useLink, useLive } from "~/api/live-react";
import type { LogPart, Step } from "~/api/types";
import { type Fetched, Finder, LogWindow, type Match, PART } from "./log-window";

export type LogType = "output" | "raw" | "events" | "input" | "summary";

/** Searched in pieces of this many bytes, so that the page stays quick. */
const PIECE = 256 * 1024;

export interface Search {
  query: string;
  matches: Match[];
  isDone: boolean;
  seen: number;
}

export class LogReader {
  readonly window = new LogWindow();
  error: unknown = null;
  isLoaded = false;
  search: Search | null = null;
  #listeners = new Set<() => void>();
  #doing: Promise<void> = Promise.resolve();
  #busy: "before" | "after" | "jump" | null = null;
  #stop = new AbortController();
  #searching: AbortController | null = null;
  #frame = 0;

  constructor(
    readonly step: string,
    readonly type: LogType,
    readonly attempt: number | undefined,
  ) {}

  listen = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  #changed(): void {
    if (this.#frame) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      for (const listener of this.#listeners) listener();
    });
  }

  async #fetch(offset: number, limit: number): Promise<Fetched> {
    const { data } = await get<{ data: LogPart }>(
      endpoints.log(this.step, this.type, { offset, limit, ...(this.attempt === undefined ? {} : { attempt: this.attempt }) }),
      this.#stop.signal,
    );
    // Without a next offset it is read to its end.
    return { offset, next: data.next_offset ?? Math.max(data.total, offset), total: data.total, content: data.content };
  }

  /** One at a time. A jump waits for what is under way; of the others the next scroll asks again. */
  async #guarded(busy: "before" | "after" | "jump", act: () => Promise<void>): Promise<void> {
    if (this.#busy && busy !== "jump") return;
    while (this.#busy) await this.#doing;
    this.#busy = busy;
    this.#doing = this.#do(act);
    await this.#doing;
  }

  async #do(act: () => Promise<void>): Promise<void> {
    try {
      await act();
      this.error = null;
    } catch (error) {
      if (!this.#stop.signal.aborted) this.error = error;
    } finally {
      this.#busy = null;
      this.isLoaded = true;
      this.#changed();
    }
  }

  /** Its end. */
  openEnd(): Promise<void> {
    return this.#guarded("jump", async () => {
      const { total } = await this.#fetch(0, 1);
      this.window.reset(await this.#fetch(Math.max(0, total - PART), PART));
      while (!this.window.isAtEnd) this.window.append(await this.#fetch(this.window.to, PART));
    });
  }

  /** From this byte on; some of what is before it comes too. Answers the line that it is in. */
  async openAt(offset: number, isLineStart = false): Promise<number> {
    let line = 0;
    await this.#guarded("jump", async () => {
      this.window.reset({ ...(await this.#fetch(offset, PART)), isLineStart });
      if (offset > 0) {
        const from = Math.max(0, offset - PART / 4);
        this.window.prepend(await this.#exactly(from, offset));
        line = this.window.takeShift();
      }
    });
    return line;
  }

  /** These bytes, however the server cuts its answers at lines. */
  async #exactly(from: number, to: number): Promise<Fetched> {
    let content = "";
    let at = from;
    let total = 0;
    while (at < to) {
      const fetched = await this.#fetch(at, to - at);
      total = fetched.total;
      if (fetched.next <= at) break;
      content += fetched.content;
      at = fetched.next;
    }
    return { offset: from, next: at, total, content };
  }

  before(): Promise<void> {
    if (this.window.isAtStart) return Promise.resolve();
    return this.#guarded("before", async () => {
      const to = this.window.from;
      this.window.prepend(await this.#exactly(Math.max(0, to - PART), to));
    });
  }

  after(): Promise<void> {
    if (this.window.isAtEnd) return Promise.resolve();
    return this.#guarded("after", async () => this.window.append(await this.#fetch(this.window.to, PART)));
  }

  /** What the step has just written. */
  wrote(offset: number, output: string): void {
    const length = new TextEncoder().encode(output).length;
    const end = offset + length;
    if (!this.isLoaded || this.#busy === "jump") {
      this.window.total = Math.max(this.window.total, end);
      return;
    }
    const wasAtEnd = this.window.isAtEnd;
    if (offset === this.window.to) this.window.append({ offset, next: end, total: end, content: output });
    else this.window.total = Math.max(this.window.total, end);
    if (wasAtEnd && !this.window.isAtEnd) void this.after();
    this.#changed();
  }

  /** After a break: what was written meanwhile. */
  async catchUp(): Promise<void> {
    if (!this.isLoaded) return this.openEnd();
    try {
      const wasAtEnd = this.window.isAtEnd;
      const { total } = await this.#fetch(0, 1);
      this.window.total = Math.max(this.window.total, total);
      if (wasAtEnd) await this.after();
      this.#changed();
    } catch {
      // The link comes back again, and so does this.
    }
  }

  async find(query: string): Promise<void> {
    this.#searching?.abort();
    if (query === "") {
      this.search = null;
      this.#changed();
      return;
    }
    const stop = new AbortController();
    this.#searching = stop;
    const finder = new Finder(query);
    const tell = (isDone: boolean) => {
      if (stop.signal.aborted) return;
      this.search = { query, matches: finder.matches, isDone, seen: finder.seen };
      this.#changed();
    };
    tell(false);
    try {
      const address = endpoints.log(this.step, this.type, this.attempt === undefined ? {} : { attempt: this.attempt });
      const response = await send(address, { signal: stop.signal, headers: { accept: "text/plain" } });
      const reader = response.body!.getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        for (let at = 0; at < value.length; at += PIECE) {
          finder.push(value.subarray(at, at + PIECE));
          if (at + PIECE < value.length) await pause();
        }
        tell(false);
        if (finder.isFull) {
          void reader.cancel();
          break;
        }
        await pause();
      }
      finder.end();
    } catch (error) {
      if (!stop.signal.aborted && error instanceof Problem) this.error = error;
    }
    tell(true);
  }

  close(): void {
    this.#stop.abort();
    this.#searching?.abort();
    cancelAnimationFrame(this.#frame);
  }
}

const pause = () => new Promise<void>((next) => setTimeout(next));

/** The reader of a step's log, kept going by the socket. */
export function useLog(step: Step, type: LogType, attempt: number | undefined): LogReader {
  const live = useLive();
  const link = useLink();
  const [reader, setReader] = useState<LogReader | null>(null);
  const [, redraw] = useReducer((n: number) => n + 1, 0);
  const wasOffline = useRef(false);
  const isCurrent = attempt === undefined || attempt === step.attempt;
  const attemptId = useMemo(() => step.attempts?.find((each) => each.number === (attempt ?? step.attempt))?.id, [step.attempts, attempt, step.attempt]);
  const fallback = useMemo(() => new LogReader(step.id, type, attempt), [step.id, type, attempt]);

  useEffect(() => {
    const next = new LogReader(step.id, type, isCurrent ? undefined : attempt);
    const stop = next.listen(redraw);
    setReader(next);
    void next.openEnd();
    return () => {
      stop();
      next.close();
    };
    // A new attempt begins a new log.
  }, [step.id, step.attempt, type, attempt, isCurrent]);

  useEffect(() => {
    if (!reader || type !== "output" || !isCurrent) return;
    return live.onOutput(step.id, (output) => {
      if (attemptId === undefined || output.attempt === attemptId) reader.wrote(output.offset, output.output);
    });
  }, [live, reader, step.id, type, isCurrent, attemptId]);

  useEffect(() => {
    if (link !== "live") wasOffline.current = true;
    else if (wasOffline.current) {
      wasOffline.current = false;
      void reader?.catchUp();
    }
  }, [link, reader]);

  // What was written in the last moment of a step is told to no topic that begins later.
  useEffect(() => {
    if (step.status !== "running") void reader?.catchUp();
  }, [step.status, reader]);

  return reader ?? fallback;
}
