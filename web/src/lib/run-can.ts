/** Pure: what may be done with a run now; where not, why not. A string is the reason against it. */
import type { Me, Run, Step } from "~/api/types";
import { isOver } from "./run-state";

export type Can = true | string;

const VIEWER = "Your role is viewer: you may look, and not act";

type Who = Pick<Me, "role"> | null | undefined;

/** Starting, answering, uploading: what every role but one may. */
export function canAct(who: Who): Can {
  return who?.role === "viewer" ? VIEWER : true;
}

export function canPause(run: Run, who?: Who): Can {
  if (canAct(who) !== true) return VIEWER;
  if (run.cancel_requested_at) return "It is being cancelled";
  if (run.pause_requested_at && run.status !== "paused") return "It pauses at the next safe point";
  if (run.status === "paused") return "It is paused";
  if (isOver(run)) return `It is ${run.status}`;
  return true;
}

export function canResume(run: Run, who?: Who): Can {
  if (canAct(who) !== true) return VIEWER;
  if (run.cancel_requested_at) return "It is being cancelled";
  if (run.status === "paused" || run.pause_requested_at) return true;
  return run.status === "failed" || run.status === "cancelled" ? "Retry it instead" : "It is not paused";
}

export function canCancel(run: Run, who?: Who): Can {
  if (canAct(who) !== true) return VIEWER;
  if (isOver(run)) return `It is ${run.status}`;
  if (run.cancel_requested_at) return "It is being cancelled";
  return true;
}

export function canRetry(run: Run, who?: Who): Can {
  if (canAct(who) !== true) return VIEWER;
  return run.status === "failed" || run.status === "cancelled" ? true : "Only a failed or cancelled run is retried";
}

/** Going back is for runs in which nothing is at work. */
export function canRewind(run: Run, who?: Who): Can {
  if (canAct(who) !== true) return VIEWER;
  if (run.cancel_requested_at) return "It is being cancelled";
  if (run.status === "running" || run.status === "pending") return "Pause it first: steps are at work";
  return true;
}

export function canFork(run: Run, who?: Who): Can {
  if (canAct(who) !== true) return VIEWER;
  return run.workflow_definition.key ? true : "Its definition is not known";
}

export function canDelete(run: Run, who?: Who): Can {
  if (canAct(who) !== true) return VIEWER;
  return isOver(run) ? true : "Cancel it first: only a finished run is deleted";
}

/** Starting a run of a definition, or of one still to be chosen. */
export function canStart(definition: { is_valid: boolean } | null, who?: Who): Can {
  if (canAct(who) !== true) return VIEWER;
  return definition && !definition.is_valid ? "It has errors: mend them, and it can run" : true;
}

/** The actions a message may carry now. */
export function canSay(run: Run, action: string, who?: Who): Can {
  if (canAct(who) !== true) return VIEWER;
  if (action === "comment") return true;
  if (action === "pause") return canPause(run, who);
  if (action === "resume") return canResume(run, who);
  if (action === "cancel") return canCancel(run, who);
  if (isOver(run)) return `It is ${run.status}: only comments`;
  return true;
}

export function canSkipWait(step: Step, who?: Who): Can {
  if (canAct(who) !== true) return VIEWER;
  return step.waiting && ["timer", "usage_limit", "retry"].includes(step.waiting.reason) ? true : "It does not wait for a time";
}
