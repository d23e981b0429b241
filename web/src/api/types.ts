/**
 * What the server says: the shapes of its description (`schema.d.ts`), under the names the pages know them by.
 * Added by hand is only what the description leaves open, and that a run or step comes with or without its details.
 */
import type { components } from "./schema";

type Schemas = components["schemas"];
/** All of the row, and what its detail has beside, where it was read. */
type Detailed<Row, Detail> = Row & Partial<Omit<Detail, keyof Row>>;

export type RunStatus = Schemas["RunStatus"];
export type StepStatus = Schemas["StepStatus"];
export type StepType = "agent" | "script" | "function" | "remote" | "approval" | "wait" | "workflow";
export type WaitReason = Schemas["WaitingReason"];
export type Waiting = Schemas["Waiting"];
export type Usage = Schemas["Tokens"];
export type Attempt = Schemas["Attempt"];
export type Progress = Schemas["Progress"];
export type RunDefinition = Schemas["RunDefinition"];
export type Worktree = Schemas["Worktree"];
export type Checkpoint = Schemas["Checkpoint"];
export type ChildRun = Schemas["Child"];
export type Diagnostic = Schemas["Diagnostic"];
export type Stats = Schemas["Stats"];
export type Project = Schemas["Project"];
export type Agent = Schemas["Agent"];
export type RewindPreview = Schemas["RewindPreview"];
export type LogPart = Schemas["LogPart"];
export type JournalEvent = Schemas["JournalEvent"];
export type Insights = Schemas["Insights"];
export type GroupBy = Schemas["GroupBy"];
export type Me = Schemas["Me"] & { role: Role };
export type User = Schemas["User"] & { role: Role };
export type Member = Schemas["Member"] & { role: Role };
export type Token = Schemas["Token"] & { role: Role };
export type Webhook = Schemas["Webhook"];
export type Delivery = Schemas["Delivery"] & { state: "waiting" | "delivered" | "failed" };
export type Deed = Schemas["Deed"];

export type Role = "viewer" | "operator" | "admin";

export type Todo = Schemas["Todo"] & { status: "pending" | "in_progress" | "completed" };

export interface ChoiceItem {
  question: string;
  header?: string | null;
  options: { label: string; description?: string }[];
  multiple: boolean;
}

export type Asks =
  | { asks: "permission"; tool: string; input: unknown; can_remember: boolean }
  | { asks: "plan"; plan: string }
  | { asks: "choices"; items: ChoiceItem[] };

export type Question = Schemas["Question"] & { ask: Asks };

export type Session = Omit<Schemas["Session"], "todos" | "tool" | "questions"> & {
  todos: Todo[] | null;
  tool: { name?: string; title?: string } | null;
  questions: Question[];
};

export type Artifact = Schemas["Artifact"];
export type Step = Omit<Detailed<Schemas["StepSummary"], Schemas["Step"]>, "session" | "type"> & { session: Session | null; type: StepType };
export type Run = Omit<Detailed<Schemas["Run"], Schemas["RunDetail"]>, "steps" | "steps_total" | "args"> & {
  steps: Step[];
  /** Only in lists, whose `steps` may not be all. */
  steps_total?: number;
  args: Record<string, unknown>;
};

export type MessageType = "user" | "agent" | "system";
export type Action = Schemas["ActionType"];
export type Comment = Schemas["Comment"];
export type Message = Omit<Schemas["Message"], "message_type" | "action_type" | "action_status" | "metadata"> & {
  message_type: MessageType;
  action_type: Action;
  action_status: "pending" | "acknowledged" | "processed" | "ignored";
  metadata: Record<string, unknown> | null;
};

export type ToolKind =
  | "read"
  | "edit"
  | "delete"
  | "move"
  | "search"
  | "execute"
  | "fetch"
  | "think"
  | "subagent"
  | "other";

export interface ToolUse {
  kind: "tool_use";
  id: string;
  name: string;
  tool: ToolKind;
  status: "pending" | "running" | "success" | "failed" | "denied";
  title?: string;
  paths?: string[];
  bytes?: number;
  command?: string;
  exit_code?: number;
  diff?: string;
  output?: string;
}

export type Activity =
  | ToolUse
  | { kind: "message" | "thinking" | "plan" | "message_delta"; text: string }
  | { kind: "todos"; items: Todo[] }
  | { kind: "error"; message: string }
  | { kind: "api_retry"; attempt: number; max?: number; message: string }
  | { kind: "rate_limit"; rejected: boolean; resets_at?: string; window?: string; used?: number }
  | { kind: "steered"; message: number }
  | { kind: "session" | "turn_started" | "turn_ended" | "usage" | "question" | "question_closed" | "compaction" | "unknown" };

export type ActivityRow = Omit<Schemas["Activity"], "activity"> & { activity: Activity };

export type DefinitionStep = Omit<Schemas["DefinedStep"], "type"> & { type: StepType };
export type Definition = Omit<Schemas["Definition"], "args_schema" | "steps"> & { args_schema: JsonSchema | null; steps: DefinitionStep[] };

export interface JsonSchema {
  type?: string | string[];
  title?: string;
  description?: string;
  default?: unknown;
  examples?: unknown[];
  enum?: unknown[];
  const?: unknown;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  items?: JsonSchema;
  additionalProperties?: boolean | JsonSchema;
  minLength?: number;
  maxLength?: number;
  pattern?: string;
  format?: string;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  multipleOf?: number;
  minItems?: number;
  maxItems?: number;
  uniqueItems?: boolean;
}

/** What the socket brings. */
export interface Told {
  type: string;
  data: Record<string, unknown>;
  pos?: number;
  ts: string;
}
