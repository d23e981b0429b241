/** Pure: what a run's badge and step bar show. One badge a run, by priority. */
import type { Question, Run, Step, Todo } from "~/api/types";
import { duration, localTimes, plural, timeOfDay } from "./format";

export type BadgeState =
  | "needs"
  | "review"
  | "running"
  | "waiting"
  | "retry"
  | "failed"
  | "paused"
  | "pausing"
  | "cancelling"
  | "queued"
  | "done"
  | "cancelled"
  | "skipped";

export interface BadgeFacts {
  state: BadgeState;
  words: string;
}

/** A step that a person must answer, and what is asked. */
export interface Ask {
  step: Step;
  kind: "approval" | "question";
  questions: Question[];
  words: string;
  since: string;
  until: string | null;
}

/** Everything that waits for a person, oldest first. */
export function asks(run: Run): Ask[] {
  if (run.status !== "running" && run.status !== "paused") return [];
  if (run.cancel_requested_at) return [];
  const found: Ask[] = [];
  for (const step of run.steps) {
    if (step.status !== "running") continue;
    const open = (step.session?.questions ?? []).filter((question) => !question.answered);
    if (open.length > 0) {
      found.push({ step, kind: "question", questions: open, words: askWords(open), since: open[0]!.since, until: null });
    } else if (step.waiting?.reason === "approval") {
      found.push({
        step,
        kind: "approval",
        questions: [],
        words: /^(approve|ok|confirm|decide|review)\b/i.test(step.name) && step.name.length > 3 ? step.name : `Approve ${step.name}`,
        since: step.waiting.since,
        until: step.waiting.until ?? null,
      });
    } else if (step.waiting?.reason === "question") {
      found.push({ step, kind: "question", questions: [], words: "Answer question", since: step.waiting.since, until: null });
    }
  }
  return found.sort((a, b) => a.since.localeCompare(b.since));
}

function askWords(open: Question[]): string {
  const first = open[0]!;
  if (open.length === 1 && first.ask.asks === "permission") return `Allow ${first.ask.tool}`;
  if (open.length === 1 && first.ask.asks === "plan") return "Approve the plan";
  const count = open.reduce((sum, q) => sum + (q.ask.asks === "choices" ? q.ask.items.length : 1), 0);
  return count === 1 ? "Answer question" : `Answer ${plural(count, "question")}`;
}

export function runBadge(run: Run, now: number): BadgeFacts {
  const waiting = asks(run);
  if (waiting.length > 0) return { state: "needs", words: waiting[0]!.words };
  switch (run.status) {
    case "completed": {
      const isReview = run.worktree?.finish === "review" && !run.worktree.finished?.merged_into;
      return isReview ? { state: "review", words: "Ready for review" } : { state: "done", words: "Done" };
    }
    case "failed":
      return { state: "failed", words: "Failed" };
    case "cancelled":
      return { state: "cancelled", words: "Cancelled" };
    case "paused":
      return { state: "paused", words: run.pause_reason === "budget" ? "Budget reached" : "Paused" };
    case "pending":
    case "running":
      return unfinishedBadge(run, now);
  }
}

function unfinishedBadge(run: Run, now: number): BadgeFacts {
  if (run.cancel_requested_at || run.waiting?.reason === "cancelling") return { state: "cancelling", words: "Cancelling" };
  if (run.pause_requested_at) return { state: "pausing", words: "Pausing" };
  const waiting = run.waiting;
  if (waiting?.reason === "retry") {
    const left = waiting.until ? Date.parse(waiting.until) - now : 0;
    return { state: "retry", words: left > 0 ? `Retry in ${duration(left)}` : "Retrying" };
  }
  if (run.status === "pending") return { state: "queued", words: waiting?.reason === "concurrency" ? "Queued" : "Starting" };
  if (waiting) return { state: "waiting", words: waitWords(waiting.reason, waiting.until ?? null) };
  return { state: "running", words: "Running" };
}

function waitWords(reason: string, until: string | null): string {
  const when = until ? `, until ${timeOfDay(until)}` : "";
  switch (reason) {
    case "usage_limit":
      return `Limit${when}`;
    case "timer":
      return `Timer${when}`;
    case "remote":
      return "Remote";
    case "worker":
      return "Worker";
    case "child":
      return "Child run";
    case "concurrency":
      return "Queued";
    default:
      return "Waiting";
  }
}

export type Segment = "done" | "run" | "need" | "wait" | "retry" | "hold" | "fail" | "todo" | "skip";

/** How a step stands, as its icon and its segment of the bar show it. */
export function stepState(step: Step, run?: Pick<Run, "status">): Segment {
  switch (step.status) {
    case "completed":
      return "done";
    case "failed":
      return "fail";
    case "skipped":
    case "cancelled":
      return "skip";
    case "pending":
      return step.started_at && run?.status === "paused" ? "hold" : "todo";
    case "running": {
      if ((step.session?.questions ?? []).some((question) => !question.answered)) return "need";
      switch (step.waiting?.reason) {
        case "approval":
        case "question":
          return "need";
        case "retry":
          return "retry";
        case undefined:
          return "run";
        case "child":
          return "run";
        default:
          return "wait";
      }
    }
  }
}

/** More segments than this cannot be told apart; then each stands for several steps. */
const MOST_SEGMENTS = 24;

const RANK: Segment[] = ["need", "fail", "retry", "run", "wait", "hold", "todo", "done", "skip"];

/** One segment per step of the definition. */
export function segments(run: Run): Segment[] {
  const shown = run.steps.filter((step) => !step.parent_step_id).map((step) => stepState(step, run));
  // A list leaves out most of very many steps: those that have ended, before the others, and those to come.
  const { known } = run.progress;
  const isCut = (run.steps_total ?? 0) > run.steps.length && known > shown.length;
  const ended = shown.filter((state) => state === "done" || state === "skip").length;
  const before = isCut ? Math.max(Math.min(run.progress.ended - ended, known - shown.length), 0) : 0;
  const after = isCut ? known - shown.length - before : 0;
  const all = [...Array<Segment>(before).fill("done"), ...shown, ...Array<Segment>(after).fill("todo")];
  if (all.length <= MOST_SEGMENTS) return all;
  const size = all.length / MOST_SEGMENTS;
  return Array.from({ length: MOST_SEGMENTS }, (_, index) => {
    const part = all.slice(Math.floor(index * size), Math.max(Math.floor((index + 1) * size), Math.floor(index * size) + 1));
    return RANK.find((state) => part.includes(state)) ?? "todo";
  });
}

/** What the run is doing now, in a line, with how far its todos are. */
export function nowLine(run: Run): { text: string; todos: string | null } {
  const waiting = asks(run)[0];
  if (waiting) {
    const text = waiting.questions[0]?.text ?? waiting.step.waiting?.detail ?? waiting.step.name;
    return { text: firstLine(text), todos: null };
  }
  if (run.status === "failed") return { text: firstLine(run.error_message ?? "A step failed"), todos: null };
  if (run.status === "paused") {
    const reason = run.pause_reason && run.pause_reason !== "request" ? run.pause_reason : "Nothing runs";
    return { text: reason === "budget" ? "Resume grants the budget once more" : firstLine(reason), todos: null };
  }
  if (run.status === "cancelled") return { text: firstLine(run.cancel_reason ?? ""), todos: null };
  if (run.status === "completed") return { text: "", todos: null };
  if (run.cancel_requested_at) return { text: firstLine(run.waiting?.detail ?? "Stopping its processes"), todos: null };
  const step = run.steps.find((each) => each.status === "running" && each.session) ?? run.steps.find((each) => each.status === "running");
  const todos = step?.session?.todos ?? [];
  const done = todos.filter((todo) => todo.status === "completed").length;
  const count = todos.length > 0 ? `${done}/${todos.length}` : null;
  if (run.pause_requested_at) return { text: `After “${step?.name ?? "the step"}”`, todos: count };
  if (run.waiting?.detail) return { text: firstLine(localTimes(run.waiting.detail)), todos: count };
  const current = todos.find((todo) => todo.status === "in_progress");
  return { text: current?.active_form ?? current?.content ?? step?.session?.tool?.title ?? step?.name ?? "", todos: count };
}

function firstLine(text: string): string {
  const line = text.split("\n", 1)[0] ?? "";
  return line.length > 200 ? `${line.slice(0, 199)}…` : line;
}

/** The agent that works or worked last, and its model. */
export function agentOf(run: Run): { name: string; model: string | null } | null {
  const steps = run.steps.filter((step) => step.session?.agent);
  const step = steps.find((each) => each.status === "running") ?? steps.findLast((each) => each.started_at) ?? steps[0];
  if (step?.session?.agent) return { name: step.session.agent, model: step.session.model };
  const running = run.steps.find((each) => each.status === "running") ?? run.steps[0];
  return running ? { name: running.agent ?? running.type, model: null } : null;
}

export function isOver(run: Pick<Run, "status">): boolean {
  return run.status === "completed" || run.status === "failed" || run.status === "cancelled";
}

/** How long it took, or has taken so far, in milliseconds. */
export function elapsed(run: Pick<Run, "created_at" | "started_at" | "completed_at">, now: number): number {
  const from = Date.parse(run.started_at ?? run.created_at);
  return Math.max(0, (run.completed_at ? Date.parse(run.completed_at) : now) - from);
}

/** How long it will take yet, going by the runs before it; what a person is still to decide takes as long as it takes. */
export function estimateWords(run: Run, now: number): { time: string; then: string } | null {
  const estimate = run.progress.estimate_ms;
  if (!estimate || isOver(run)) return null;
  const asked = asks(run)[0];
  const spent = elapsed(run, asked ? Math.min(now, Date.parse(asked.since)) : now);
  const left = estimate - spent;
  if (left > 0) return { time: `about ${duration(left)}`, then: asked ? "after your answer" : "left" };
  return asked ? null : { time: "longer than usual", then: "" };
}

/** "4 of 8 steps, about 7 min left". */
export function barWords(run: Run, now: number): string {
  const total = run.progress.known || run.steps.filter((step) => !step.parent_step_id).length;
  const estimate = estimateWords(run, now);
  return [`${run.progress.ended} of ${plural(total, "step")}`, estimate ? `${estimate.time} ${estimate.then}`.trim() : ""].filter(Boolean).join(", ");
}

/** How much of the running step is probably done, of 1; a half when nothing is known. */
export function runningShare(run: Run, now: number): number {
  const estimate = run.progress.estimate_ms;
  const known = run.progress.known;
  if (!estimate || known === 0) return 0.5;
  const share = (elapsed(run, now) / estimate) * known - run.progress.ended;
  return Math.min(0.95, Math.max(0.1, share));
}

export function todoState(todo: Todo): Segment {
  return todo.status === "completed" ? "done" : todo.status === "in_progress" ? "run" : "todo";
}

/** A todo in words: what is being done, while it is. */
export function todoText(todo: Todo): string {
  return todo.status === "in_progress" ? (todo.active_form ?? todo.content) : todo.content;
}
