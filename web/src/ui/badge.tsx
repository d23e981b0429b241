/** Badges, step bars and what says who works: form says urgency, hue says kind, icon and words say which. */
import type { Step } from "~/api/types";
import type { BadgeState, Segment } from "~/lib/run-state";
import { Icon, type IconName, StateIcon } from "./icon";

const icons: Record<BadgeState, IconName> = {
  needs: "baton",
  review: "review",
  running: "running",
  waiting: "waiting",
  retry: "retry",
  failed: "failed",
  paused: "paused",
  pausing: "pausing",
  cancelling: "cancelling",
  queued: "queued",
  done: "done",
  cancelled: "cancelled",
  skipped: "cancelled",
};

export function Badge({ state, words, icon }: { state: BadgeState; words: string; icon?: IconName }) {
  return (
    <span className="badge" data-s={state}>
      <Icon name={icon ?? icons[state]} />
      <span className="cut">{words}</span>
    </span>
  );
}

/** The workflow status of a task (document 0), in all its states. */
export type TaskStatus = "PENDING" | "IN_PROGRESS" | "COMPLETED" | "ERROR" | "FAILED" | "HALTED";

const tasks: Record<TaskStatus, { state: BadgeState; words: string; icon?: IconName }> = {
  PENDING: { state: "queued", words: "Pending" },
  IN_PROGRESS: { state: "running", words: "In progress" },
  COMPLETED: { state: "done", words: "Completed" },
  ERROR: { state: "retry", words: "Error", icon: "failed" },
  FAILED: { state: "retry", words: "Failed", icon: "failed" },
  HALTED: { state: "retry", words: "Halted", icon: "failed" },
};

export function TaskBadge({ status }: { status: TaskStatus }) {
  const { state, words, icon } = tasks[status];
  return (
    <span role="status" className={status === "IN_PROGRESS" ? "blink" : undefined}>
      <Badge state={state} words={words} {...(icon ? { icon } : {})} />
    </span>
  );
}

const stepIcons: Record<Segment, IconName> = {
  done: "done",
  run: "running",
  need: "baton",
  wait: "waiting",
  retry: "retry",
  hold: "paused",
  fail: "failed",
  todo: "queued",
  skip: "cancelled",
};

export function StepIcon({ state }: { state: Segment }) {
  return <StateIcon state={state} icon={stepIcons[state]} />;
}

export function Bar({ segments, share, large = false, label }: { segments: Segment[]; share: number; large?: boolean; label: string }) {
  return (
    <span className={`bar ${large ? "bar--lg" : ""}`} role="img" aria-label={label} title={label}>
      {segments.map((state, index) => (
        <i
          key={index}
          data-s={state === "skip" ? "done" : state}
          style={state === "run" ? ({ "--p": `${Math.round(share * 100)}%` } as React.CSSProperties) : undefined}
        />
      ))}
    </span>
  );
}

const letters: Record<string, string> = { agent: "Ag", claude: "Cl", codex: "Cx", gemini: "Ge", script: "$", approval: "//", wait: "..", workflow: "{}", remote: "@", function: "fn" };
const names: Record<string, string> = { claude: "Claude", codex: "Codex", gemini: "Gemini" };

export function agentName(agent: string): string {
  return names[agent] ?? agent.replace(/^(acp|command):/, "").split("/").at(-1) ?? agent;
}

export function agentLetters(agent: string): string {
  return letters[agent] ?? agentName(agent).slice(0, 2);
}

export function AgentTag({ agent, model }: { agent: string; model?: string | null | undefined }) {
  return (
    <span className="agent">
      <i>{agentLetters(agent)}</i>
      {agentName(agent)}
      {model ? <span className="muted agent-model"> {model}</span> : null}
    </span>
  );
}

/** Who does a step. */
export function WorkerTag({ step }: { step: Pick<Step, "type" | "agent" | "session"> }) {
  return <AgentTag agent={step.session?.agent ?? step.agent ?? step.type} />;
}
