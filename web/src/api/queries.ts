/** What the pages read, each under one key. Nothing is fetched on a timer: the socket says when. */
import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";
import { asks } from "~/lib/run-state";
import { get, send } from "./client";
import { endpoints } from "./endpoints";
import { newest, withLater } from "./patch";
import type {
  ActivityRow,
  Agent,
  Deed,
  Definition,
  GroupBy,
  Insights,
  JournalEvent,
  LogPart,
  Me,
  Message,
  Project,
  RewindPreview,
  Run,
  Step,
} from "./types";

interface Page<T> {
  data: T[];
  next_cursor: string | null;
}

/** Runs of a project: all that are not over, and the newest of those that are, as many pages as were asked for. */
export interface Board {
  runs: Run[];
  /** Where the older ones begin. */
  more: string | null;
  pages: number;
}

/** Runs that are not over are all read; of those that are, the newest. */
const OPEN = ["pending", "running", "paused", "failed"];
const OVER = ["completed", "cancelled"];
const MOST_PAGES = 25;
/** As many rows of a page as the server gives at most. */
const PAGE = 200;
/** Finished runs that are read at once. */
const FINISHED = 100;
/** Runs a search reads of those that are not on the board. */
const FOUND = 200;
/** Messages that are read at once: as many as the server reads at once. */
const MESSAGES = 500;
/** What is shown of what a session does. */
const KINDS = ["message", "thinking", "tool_use", "todos", "plan", "rate_limit", "api_retry", "compaction", "error"];

export function isShown(row: ActivityRow): boolean {
  return KINDS.includes(row.activity.kind);
}

export const keys = {
  projects: ["projects"] as const,
  definitions: (project: string) => ["definitions", project] as const,
  definition: (id: string) => ["definition", id] as const,
  board: (project: string) => ["board", project] as const,
  elsewhere: (project: string) => ["elsewhere", project] as const,
  run: (id: string) => ["run", id] as const,
  messages: (id: string) => ["messages", id] as const,
  activities: (step: string, attempt: number) => ["activities", step, attempt] as const,
  step: (id: string) => ["step", id] as const,
};

async function every<T>(path: (cursor?: string) => string, signal: AbortSignal): Promise<T[]> {
  const all: T[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const answer = await get<Page<T>>(path(cursor), signal);
    all.push(...answer.data);
    if (!answer.next_cursor) break;
    cursor = answer.next_cursor;
  }
  return all;
}

export const queries = {
  me: () => queryOptions({ queryKey: ["me"], queryFn: ({ signal }) => one<Me>(endpoints.me(), signal), staleTime: Infinity }),

  projects: () =>
    queryOptions({
      queryKey: keys.projects,
      queryFn: ({ signal }) => every<Project>((cursor) => endpoints.projects({ limit: PAGE, ...(cursor ? { cursor } : {}) }), signal),
    }),

  definitions: (project: string) =>
    queryOptions({
      queryKey: keys.definitions(project),
      queryFn: ({ signal }) => every<Definition>((cursor) => endpoints.definitions(project, { limit: PAGE, ...(cursor ? { cursor } : {}) }), signal),
      enabled: project !== "",
    }),

  definition: (id: string) =>
    queryOptions({
      queryKey: keys.definition(id),
      queryFn: ({ signal }) => one<Definition>(endpoints.definition(id), signal),
    }),

  board: (project: string) =>
    queryOptions({
      queryKey: keys.board(project),
      queryFn: async ({ signal, client }): Promise<Board> => {
        const pages = client.getQueryData<Board>(keys.board(project))?.pages ?? 1;
        const filter = { project_id: project, limit: PAGE };
        const [open, over] = await Promise.all([
          every<Run>((cursor) => endpoints.runs({ ...filter, status: OPEN, cursor }), signal),
          finished(project, pages, null, signal),
        ]);
        return { runs: [...open, ...over.runs], more: over.more, pages };
      },
      enabled: project !== "",
    }),

  /** Of all runs of a project those with these words in their name, or of this definition. */
  found: (project: string, q: string, definition: string | undefined) =>
    queryOptions({
      queryKey: ["found", project, q, definition ?? ""],
      queryFn: async ({ signal }) => (await get<Page<Run>>(endpoints.runs({ project_id: project, q, definition, limit: FOUND }), signal)).data,
      enabled: project !== "" && (q !== "" || definition !== undefined),
      placeholderData: keepPreviousData,
      staleTime: 10_000,
    }),

  /** Runs of all projects but this one that need a person. */
  elsewhere: (project: string) =>
    queryOptions({
      queryKey: keys.elsewhere(project),
      queryFn: async ({ signal }) => {
        const open = await every<Run>((cursor) => endpoints.runs({ status: ["running", "paused"], limit: PAGE, cursor }), signal);
        return open.filter((run) => run.project_id !== project && asks(run).length > 0);
      },
    }),

  /** How runs went since then. */
  insights: (project: string, from: string, group: GroupBy) =>
    queryOptions({
      queryKey: ["insights", project, from, group],
      queryFn: ({ signal }) => one<Insights>(endpoints.insights({ project_id: project, from, group }), signal),
      enabled: project !== "",
      placeholderData: keepPreviousData,
    }),

  run: (id: string) =>
    queryOptions({
      queryKey: keys.run(id),
      queryFn: ({ signal }) => one<Run>(endpoints.run(id), signal),
    }),

  messages: (id: string) =>
    queryOptions({
      queryKey: keys.messages(id),
      queryFn: async ({ signal, client }) => {
        const messages: Message[] = [];
        // In pages, so that a long thread is not one long pause of the browser.
        for (;;) {
          const page = await get<{ messages: Message[] }>(endpoints.messages(id, { after: messages.at(-1)?.id, limit: MESSAGES }), signal);
          messages.push(...page.messages);
          if (page.messages.length < MESSAGES) break;
        }
        return withLater(messages, client.getQueryData<Message[]>(keys.messages(id)));
      },
    }),

  activities: (step: string, attempt: number) =>
    queryOptions({
      queryKey: keys.activities(step, attempt),
      queryFn: async ({ signal }) => {
        // To its end, however long it is: what is newest is what is looked at.
        let rows: ActivityRow[] = [];
        for (let after: string | undefined; ; ) {
          const page = await get<Page<ActivityRow>>(endpoints.activities(step, { attempt, kind: KINDS, ...(after ? { after } : {}) }), signal);
          rows = newest([...rows, ...page.data]);
          if (!page.next_cursor) return rows;
          after = page.next_cursor;
        }
      },
      staleTime: Infinity,
    }),

  step: (id: string) =>
    queryOptions({ queryKey: keys.step(id), queryFn: ({ signal }) => one<Step>(endpoints.step(id), signal) }),

  rewind: (run: string, to: string) =>
    queryOptions({
      queryKey: ["rewind", run, to],
      queryFn: ({ signal }) => one<RewindPreview>(endpoints.rewindPreview(run, to), signal),
      staleTime: 0,
    }),

  diff: (run: string, from: string | undefined, to: string | undefined) =>
    queryOptions({
      queryKey: ["diff", run, from ?? "", to ?? ""],
      queryFn: async ({ signal }) => (await send(endpoints.diff(run, from, to), { signal })).text(),
      staleTime: 30_000,
    }),

  log: (step: string, type: string, attempt?: number) =>
    queryOptions({
      queryKey: ["log", step, type, attempt ?? 0],
      queryFn: ({ signal }) => one<LogPart>(endpoints.log(step, type, attempt === undefined ? {} : { attempt }), signal),
    }),

  /** A run's pauses. */
  pauses: (run: string) =>
    queryOptions({
      queryKey: ["pauses", run],
      queryFn: ({ signal }) => every<JournalEvent>((cursor) => endpoints.events(run, "run_paused,run_resumed", cursor), signal),
    }),

  agents: () =>
    queryOptions({
      queryKey: ["agents"],
      queryFn: async ({ signal }) => (await get<{ data: Agent[] }>(endpoints.agents(), signal)).data,
      staleTime: 300_000,
    }),

  audit: () =>
    infiniteQueryOptions({
      queryKey: ["audit"],
      queryFn: ({ pageParam, signal }) => get<Page<Deed>>(endpoints.audit(pageParam), signal),
      initialPageParam: undefined as string | undefined,
      getNextPageParam: (page) => page.next_cursor ?? undefined,
      retry: false,
    }),

  /** Anything that answers `{data}`. */
  data: <T>(path: string) => queryOptions({ queryKey: ["data", path], queryFn: ({ signal }) => one<T>(path, signal), retry: false }),
};

/** So many pages of finished runs, from the newest or from there on. */
export async function finished(project: string, pages: number, from: string | null, signal?: AbortSignal): Promise<{ runs: Run[]; more: string | null }> {
  const runs: Run[] = [];
  let more = from;
  for (let page = 0; page < pages; page += 1) {
    const answer = await get<Page<Run>>(endpoints.runs({ project_id: project, status: OVER, limit: FINISHED, cursor: more }), signal);
    runs.push(...answer.data);
    more = answer.next_cursor;
    if (!more) break;
  }
  return { runs, more };
}

async function one<T>(path: string, signal: AbortSignal): Promise<T> {
  const answer = await get<{ data: T } & T>(path, signal);
  return answer.data ?? answer;
}
