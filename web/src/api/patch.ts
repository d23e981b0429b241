/** Pure: what an event changes of the rows that are shown. What it cannot say is read afterwards. */
import type { ActivityRow, Message, Progress, Run, RunStatus, Session, StepStatus, Told, Waiting } from "./types";

type Data = Record<string, unknown>;

/** The server counts no further. */
const MOST_UNREAD = 1000;

function isOfPerson(told: Told): boolean {
  return (told.data.message as Message).message_type === "user";
}

function stepOf(run: Run, data: Data, change: (step: Run["steps"][number]) => Run["steps"][number]): Run {
  const id = data.step_id as string;
  if (!run.steps.some((step) => step.id === id)) return run;
  return { ...run, steps: run.steps.map((step) => (step.id === id ? change(step) : step)) };
}

/** The run as it is after this event; the same object when the event changes nothing of it. */
export function patchRun(run: Run, told: Told): Run {
  const { data } = told;
  switch (told.type) {
    case "workflow.execution.status_changed": {
      const pausing = data.pause_requested === true;
      const cancelling = data.cancel_requested === true;
      const status = data.status as RunStatus;
      return {
        ...run,
        status,
        is_paused: status === "paused",
        paused_at: status === "paused" ? told.ts : null,
        pause_requested_at: pausing ? (run.pause_requested_at ?? told.ts) : status === "paused" ? run.pause_requested_at : null,
        cancel_requested_at: cancelling ? (run.cancel_requested_at ?? told.ts) : run.cancel_requested_at,
        waiting: status === "running" || status === "pending" ? run.waiting : null,
        updated_at: told.ts,
      };
    }
    case "workflow.execution.phase_changed":
      return { ...run, current_phase: (data.current_phase as string | null) ?? null };
    case "workflow.run.waiting":
      return { ...run, waiting: (data.waiting as Waiting | null) ?? null };
    case "workflow.run.progress": {
      const progress = data.progress as Progress;
      return { ...run, progress: { ...run.progress, ...progress }, current_step_index: progress.ended };
    }
    case "workflow.step.started":
    case "workflow.step.completed":
      return stepOf(run, data, (step) => {
        const status = data.status as StepStatus;
        const ended = told.type === "workflow.step.completed";
        return {
          ...step,
          status,
          waiting: ended ? null : step.waiting,
          started_at: step.started_at ?? told.ts,
          completed_at: ended ? told.ts : step.completed_at,
        };
      });
    case "workflow.step.reset":
      return stepOf(run, data, (step) => ({ ...step, status: data.status as StepStatus, waiting: null, completed_at: null }));
    case "workflow.step.session":
      return stepOf(run, data, (step) => {
        const session = data.session as Session;
        return { ...step, session: { ...session, todos: session.todos ?? step.session?.todos ?? null, tool: step.session?.tool ?? null } };
      });
    case "message:new": {
      // Whether what a person said is unread is not known here: not to whoever said it.
      const unread = isOfPerson(told) ? run.unread : Math.min(MOST_UNREAD, run.unread + 1);
      return { ...run, unread, _count: { ...run._count, comments: run._count.comments + 1 } };
    }
    default:
      return run;
  }
}

/** The thread with a message that is new, or a repeat. */
export function withMessage(thread: Message[], message: Message): Message[] {
  const last = thread.at(-1);
  if (!last || last.id < message.id) return [...thread, message];
  if (thread.some((said) => said.id === message.id)) return thread;
  return [...thread, message].sort((a, b) => a.id - b.id);
}

/** A thread that was read, with what the socket brought while it was. */
export function withLater(read: Message[], known: Message[] | undefined): Message[] {
  const last = read.at(-1)?.id ?? 0;
  return [...read, ...(known ?? []).filter((said) => said.id > last)];
}

/** The thread with how far the action of one message is. */
export function withActionStatus(thread: Message[], id: number, status: Message["action_status"]): Message[] {
  return thread.map((said) => (said.id === id ? { ...said, action_status: status } : said));
}

/** So much of what one session did is kept. */
const MOST_ACTIVITIES = 10_000;

/** The newest of what a session did. */
export function newest(rows: ActivityRow[]): ActivityRow[] {
  return rows.length > MOST_ACTIVITIES ? rows.slice(-MOST_ACTIVITIES) : rows;
}

/** Whether of what a session did the beginning is not kept. */
export function isCut(rows: ActivityRow[]): boolean {
  return rows.length >= MOST_ACTIVITIES;
}

/** What a session did, with one more of it; what is of another attempt, or a repeat, changes nothing. */
export function withActivity(rows: ActivityRow[], row: ActivityRow): ActivityRow[] {
  const last = rows.at(-1);
  if (!last || last.attempt !== row.attempt) return rows;
  if (last.offset < row.offset) return newest([...rows, row]);
  const there = rows.find((known) => known.offset === row.offset);
  if (there?.at === row.at) return rows;
  // Said at another time, it was read from the file of the attempt before, which stood in its place.
  return [...rows.filter((known) => known !== there), row].sort((a, b) => a.offset - b.offset);
}

/** Events after which a run is read again, because they do not say everything. */
export function isWorthReading(told: Told): boolean {
  switch (told.type) {
    case "message:new":
      return isOfPerson(told);
    case "workflow.execution.status_changed":
    case "workflow.step.started":
    case "workflow.step.completed":
    case "workflow.step.reset":
    case "workflow.step.attempt":
    case "workflow.step.session":
    case "workflow.run.waiting":
    case "workflow.checkpoint.created":
    case "workflow.artifact.created":
    case "workflow.artifact.attached":
    case "workflow.artifact.detached":
    case "workflow.run.progress":
      return true;
    default:
      return false;
  }
}
