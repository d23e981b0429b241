/** Pure: after which events a run of another project is looked at, whether it needs a person. */
import type { Question, Run, Session, Told, Waiting } from "~/api/types";
import { asks } from "~/lib/run-state";

/** Whether the run of this event may begin to need a person, or need none any more. */
export function mayNeed(told: Told, isKnown: boolean): boolean {
  switch (told.type) {
    // An approval that waits beside others that work is told by nothing else.
    case "workflow.step.started":
      return true;
    case "workflow.run.waiting": {
      const reason = (told.data.waiting as Waiting | null)?.reason;
      return isKnown || reason === "approval" || reason === "question";
    }
    case "workflow.step.session": {
      const questions = ((told.data.session as Session | undefined)?.questions ?? []) as Question[];
      return isKnown || questions.some((question) => !question.answered);
    }
    case "workflow.step.completed":
    case "workflow.execution.status_changed":
    case "workflow.execution.deleted":
      return isKnown;
    default:
      return false;
  }
}

/** Those that need a person, with this one as it is now; `null`: it is there no more. */
export function withRun(known: Run[], id: string, run: Run | null): Run[] {
  const others = known.filter((each) => each.id !== id);
  return run && asks(run).length > 0 ? [...others, run] : others;
}
