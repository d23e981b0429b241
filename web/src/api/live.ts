/** Feeds the cache from the socket: what an event says is put in at once, the rest is read, once for many. */
import type { QueryClient } from "@tanstack/react-query";
import { get, Problem } from "./client";
import { endpoints } from "./endpoints";
import { Late } from "./late";
import { isWorthReading, patchRun, withActionStatus, withActivity, withMessage } from "./patch";
import { isShown as isShownActivity, keys } from "./queries";
import { type Link, LiveSocket } from "./socket";
import type { ActivityRow, Message, Run, Told } from "./types";

/** A run is read again at most this often, in milliseconds. */
const REREAD = 400;
/** Runs read at the same time. */
const AT_ONCE = 3;

/** What a run's page reads and is told of. */
const OF_RUNS: unknown[] = ["run", "messages", "activities"];
/** What changes by events that are not told again after a break. */
const UNNUMBERED: unknown[] = ["activities", "board", "elsewhere", "run", "step", "projects", "definitions", "definition", "insights"];

type Board = { runs: Run[]; more: string | null };
type Output = { step: string; attempt: string; offset: number; output: string };

export class Live {
  readonly socket: LiveSocket;
  link: Link = "connecting";
  #links = new Set<() => void>();
  #outputs = new Map<string, Set<(output: Output) => void>>();
  #listeners = new Set<(told: Told) => void>();
  #dirty = new Map<string, string>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #reading = 0;
  #pieces: Told[] = [];
  #frame: ReturnType<typeof setTimeout> | undefined;
  readonly #late: Late;

  constructor(readonly cache: QueryClient) {
    this.#late = new Late(cache);
    this.socket = new LiveSocket({
      told: (told) => this.#told(told),
      resync: () => void this.cache.invalidateQueries(),
      heard: (topics) => {
        const isOf = (key: readonly unknown[]) => topics === "all" || topics.includes(`project:${String(key[1])}`);
        const ofProjects = topics !== "all" && topics.some((topic) => topic.startsWith("project:"));
        const ofRuns = topics === "all" || topics.some((topic) => topic.startsWith("run:"));
        void this.cache.invalidateQueries({
          predicate: ({ queryKey: key }) => (key[0] === "board" && isOf(key)) || (key[0] === "elsewhere" && ofProjects) || (ofRuns && OF_RUNS.includes(key[0])),
        });
      },
      // What has a position is told after all. The rest is read: what agents did, which runs and files are there.
      back: () => void this.cache.invalidateQueries({ predicate: ({ queryKey: key }) => UNNUMBERED.includes(key[0]) }),
      // A socket does not say why it was refused; where it is for want of a session, this is told so.
      refused: () => void get(endpoints.me()).catch(() => undefined),
      link: (link) => {
        if (this.link === link) return;
        this.link = link;
        for (const listener of this.#links) listener();
        // Queries that failed while it was away are tried again.
        if (link === "live") void this.cache.refetchQueries({ predicate: (query) => query.state.status === "error" });
      },
    });
  }

  /** A run that is there no more leaves the boards, and its page says so. */
  #forget(id: string): void {
    for (const [key] of this.cache.getQueriesData<Board>({ queryKey: ["board"] })) {
      this.cache.setQueryData<Board>(key, (known) => known && { ...known, runs: known.runs.filter((run) => run.id !== id) });
    }
    const detail = this.#detailOf(id);
    if (detail) void this.cache.invalidateQueries({ queryKey: detail });
  }

  onLink = (listener: () => void): (() => void) => {
    this.#links.add(listener);
    return () => this.#links.delete(listener);
  };

  /** What a step writes, as it writes it. */
  onOutput(step: string, listener: (output: Output) => void): () => void {
    const listeners = this.#outputs.get(step) ?? new Set();
    listeners.add(listener);
    this.#outputs.set(step, listeners);
    return () => listeners.delete(listener);
  }

  /** Everything that is told, for what is not kept: notices. */
  onTold(listener: (told: Told) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #told(told: Told): void {
    if (told.type === "workflow.step.progress") {
      const { step_id: step, attempt, offset, output } = told.data as { step_id: string; attempt: string; offset: number; output: string };
      for (const listener of this.#outputs.get(step) ?? []) listener({ step, attempt, offset, output });
      return;
    }
    // Events come in bursts; the pages are drawn once for each.
    this.#pieces.push(told);
    this.#frame ??= setTimeout(() => this.#flush(), 30);
  }

  #flush(): void {
    this.#frame = undefined;
    const burst = this.#pieces;
    this.#pieces = [];
    if (burst.some(isEnd)) for (const figures of ["definitions", "insights"]) void this.cache.invalidateQueries({ queryKey: [figures] });
    const byProject = new Map<string, Map<string, Told[]>>();
    for (const told of burst) {
      for (const listener of this.#listeners) listener(told);
      if (told.type === "workflow.definition.changed") for (const key of ["definitions", "definition"]) void this.cache.invalidateQueries({ queryKey: [key] });
      const run = told.data.execution_id as string | undefined;
      if (!run) continue;
      if (told.type === "workflow.execution.deleted") {
        this.#forget(run);
        continue;
      }
      const project = told.data.project_id as string;
      const projects = this.cache.getQueryData<{ id: string }[]>(keys.projects);
      if (projects && !projects.some((each) => each.id === project)) void this.cache.invalidateQueries({ queryKey: keys.projects });
      const runs = byProject.get(project) ?? new Map<string, Told[]>();
      runs.set(run, [...(runs.get(run) ?? []), told]);
      byProject.set(project, runs);
      this.#thread(run, told);
    }
    for (const [project, runs] of byProject) this.#patch(project, runs);
  }

  #patch(project: string, runs: Map<string, Told[]>): void {
    const board = this.cache.getQueryData<Board>(keys.board(project));
    const fold = (run: Run, all: Told[]) => all.reduce(patchRun, run);
    if (board) {
      const known = new Set(board.runs.map((run) => run.id));
      this.cache.setQueryData<Board>(keys.board(project), {
        ...board,
        runs: board.runs.map((run) => {
          const all = runs.get(run.id);
          return all ? fold(run, all) : run;
        }),
      });
      for (const id of runs.keys()) if (!known.has(id)) this.#read(id, project);
    }
    for (const [id, all] of runs) {
      const detail = this.#detailOf(id);
      if (detail) this.cache.setQueryData<Run>(detail, (run) => run && fold(run, all));
      // Of a project that is not looked at nothing is shown.
      const isShown = detail !== undefined || this.cache.getQueryCache().find({ queryKey: keys.board(project) }) !== undefined;
      if (isShown && all.some(isWorthReading)) this.#read(id, project);
    }
  }

  /** The key an open run is kept under: its id, or the number it was opened with. */
  #detailOf(id: string): readonly unknown[] | undefined {
    const all = this.cache.getQueryCache().findAll({ queryKey: ["run"] });
    return all.find((query) => (query.state.data as Run | undefined)?.id === id)?.queryKey;
  }

  #thread(run: string, told: Told): void {
    const key = keys.messages(run);
    if (told.type === "message:new") {
      const message = told.data.message as Message;
      this.#late.put(key, () => this.cache.setQueryData<Message[]>(key, (thread) => thread && withMessage(thread, message)));
    } else if (told.type === "message:updated") {
      const { messageId, action_status: status } = told.data as { messageId: number; action_status: Message["action_status"] };
      this.#late.put(key, () => this.cache.setQueryData<Message[]>(key, (thread) => thread && withActionStatus(thread, messageId, status)));
    } else if (told.type === "workflow.step.activity") {
      this.#activity(told);
    } else if (told.type === "workflow.step.attempt") {
      void this.cache.invalidateQueries({ queryKey: ["step", told.data.step_id] });
    }
  }

  #activity(told: Told): void {
    const row = told.data as unknown as ActivityRow & { step_id: string };
    for (const { queryKey: key } of isShownActivity(row) ? this.cache.getQueryCache().findAll({ queryKey: ["activities", row.step_id] }) : []) {
      this.#late.put(key, () => {
        const rows = this.cache.getQueryData<ActivityRow[]>(key);
        // Whether it is of this attempt, no row says yet.
        if (rows?.length === 0) void this.cache.invalidateQueries({ queryKey: key });
        else if (rows) this.cache.setQueryData<ActivityRow[]>(key, withActivity(rows, row));
      });
    }
    if (row.activity.kind === "todos" || row.activity.kind === "tool_use") {
      const activity = row.activity;
      const change = (run: Run): Run => ({
        ...run,
        steps: run.steps.map((step) => {
          if (step.id !== row.step_id || !step.session) return step;
          const session =
            activity.kind === "todos"
              ? { ...step.session, todos: activity.items }
              : { ...step.session, tool: { name: activity.name, title: activity.title ?? activity.command ?? "" } };
          return { ...step, session };
        }),
      });
      const id = told.data.execution_id as string;
      const detail = this.#detailOf(id);
      if (detail) this.cache.setQueryData<Run>(detail, (run) => run && change(run));
      const board = keys.board(told.data.project_id as string);
      this.cache.setQueryData<Board>(
        board,
        (known) => known && { ...known, runs: known.runs.map((run) => (run.id === id ? change(run) : run)) },
      );
    }
  }

  #read(run: string, project: string): void {
    this.#dirty.set(run, project);
    this.#timer ??= setTimeout(() => this.#readDirty(), REREAD);
  }

  #readDirty(): void {
    this.#timer = undefined;
    for (const [run, project] of this.#dirty) {
      if (this.#reading >= AT_ONCE) break;
      this.#dirty.delete(run);
      this.#reading += 1;
      void this.#readRun(run, project).finally(() => {
        this.#reading -= 1;
        if (this.#dirty.size > 0) this.#timer ??= setTimeout(() => this.#readDirty(), REREAD);
      });
    }
  }

  async #readRun(id: string, project: string): Promise<void> {
    const board = keys.board(project);
    try {
      const { data } = await get<{ data: Run }>(endpoints.run(id));
      const detail = this.#detailOf(id);
      if (detail) this.cache.setQueryData(detail, data);
      const { comments: _comments, children: _children, checkpoints: _checkpoints, ...row } = data;
      // The steps of a row have no todos; here they do.
      this.cache.setQueryData<Board>(board, (known) => {
        if (!known) return known;
        const isNew = !known.runs.some((run) => run.id === id);
        return { ...known, runs: isNew ? [row, ...known.runs] : known.runs.map((run) => (run.id === id ? row : run)) };
      });
    } catch (error) {
      if (error instanceof Problem && error.status === 404) {
        this.#forget(id);
      }
    }
  }
}

/** Whether a run has ended: then the figures of many runs are others. */
function isEnd(told: Told): boolean {
  return told.type === "workflow.execution.status_changed" && ["completed", "failed", "cancelled"].includes(told.data.status as string);
}
