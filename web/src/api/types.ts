/** What the server says, as docs of the wire contract have it. Only the members the pages read. */

export type RunStatus = "pending" | "running" | "paused" | "completed" | "failed" | "cancelled";
export type StepStatus = "pending" | "running" | "completed" | "failed" | "skipped" | "cancelled";
export type StepType = "agent" | "script" | "function" | "remote" | "approval" | "wait" | "workflow";
export type WaitReason =
  | "approval"
  | "question"
  | "usage_limit"
  | "timer"
  | "remote"
  | "retry"
  | "worker"
  | "concurrency"
  | "child"
  | "cancelling";

export interface Waiting {
  reason: WaitReason;
  since: string;
  until?: string | null;
  detail?: string | null;
}

export interface Usage {
  input: number;
  output: number;
  cache_read: number;
  cache_write: number;
}

export interface Todo {
  content: string;
  status: "pending" | "in_progress" | "completed";
  active_form?: string | null;
}

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

export interface Question {
  id: string;
  text: string;
  ask: Asks;
  since: string;
  answered: boolean;
}

export interface Session {
  id: string;
  agent: string | null;
  native_session_id: string | null;
  model: string | null;
  status: string;
  todos?: Todo[] | null;
  tool?: { name?: string; title?: string } | null;
  usage: Usage;
  cost_usd: number | null;
  cost_is_estimate: boolean;
  context_used?: number | null;
  transcript_path?: string | null;
  questions?: Question[];
}

export interface Attempt {
  id: string;
  number: number;
  cause: string;
  status: string;
  error: { code: string; message: string } | null;
  exit_code: number | null;
  started_at: string;
  ended_at: string | null;
}

/** A file kept of a step, or uploaded: the latter have an id. */
export interface Artifact {
  id?: string;
  name: string;
  file_path?: string;
  file_type?: string;
  mime_type?: string;
  size_bytes: number;
  step_id?: string | null;
  workflow_run_step_id?: string | null;
  workflow_comment_id?: string | null;
  created_at?: string;
}

export interface Step {
  id: string;
  workflow_run_id: string;
  step_id: string;
  name: string;
  phase: string | null;
  type: StepType;
  status: StepStatus;
  needs: string[];
  session: Session | null;
  error_message: string | null;
  attempt: number;
  max_attempts: number;
  started_at: string | null;
  completed_at: string | null;
  waiting: Waiting | null;
  parent_step_id?: string;
  item?: number;
  child_run_id?: string;
  workflow?: string;
  skip_reason?: string;
  attempts?: Attempt[];
  artifacts?: Artifact[];
  result?: string | null;
  data?: unknown;
  outputs?: unknown;
  exit_code?: number | null;
  stderr?: string | null;
  warnings?: string[];
  comments?: Comment[];
}

export interface Comment {
  id: string;
  step_id: string | null;
  text: string;
  comment_type: MessageType;
  created_at: string;
  artifacts?: Artifact[];
}

export interface Progress {
  ended: number;
  known: number;
  ratio: number | null;
  estimate_ms?: number | null;
}

export interface RunDefinition {
  id: string;
  key: string;
  name: string;
  description?: string | null;
  type: "code" | "yaml";
  path: string;
  hash: string;
  phases: string[];
  phase_labels?: Record<string, string> | null;
}

export interface Worktree {
  mode: string;
  path: string;
  branch: string | null;
  base: string;
  base_branch: string | null;
  finish: string;
  is_shared: boolean;
  finished?: {
    branch?: string | null;
    commit?: string | null;
    merged_into?: string | null;
    conflicts?: string[] | null;
    detail?: string | null;
  } | null;
}

export interface Budget {
  usd?: number | null;
  tokens?: number | null;
  minutes?: number | null;
}

export interface Checkpoint {
  number: number;
  step_id: string;
  created_at: string;
  partial: boolean;
  commit: string | null;
}

export interface ChildRun {
  id: string;
  number: number;
  name: string;
  step_id: string | null;
  status: RunStatus;
  current_phase: string | null;
  progress: Progress;
  created_at: string;
}

export interface Run {
  id: string;
  number: number;
  project_id: string;
  workflow_definition_id: string;
  name: string;
  args: Record<string, unknown>;
  current_phase: string | null;
  current_step_index: number;
  status: RunStatus;
  parent_run_id: string | null;
  parent_step_id?: string | null;
  instruction: string | null;
  waiting: Waiting | null;
  progress: Progress;
  worktree: Worktree | null;
  budget?: Budget | null;
  cost_usd: number | null;
  cost_is_estimate: boolean;
  usage: Usage;
  unread: number;
  started_at: string | null;
  created_at: string;
  updated_at: string;
  completed_at: string | null;
  paused_at: string | null;
  cancelled_at: string | null;
  error_message: string | null;
  is_paused: boolean;
  pause_requested_at: string | null;
  pause_reason: string | null;
  cancel_requested_at: string | null;
  cancel_reason?: string | null;
  outputs?: unknown;
  workflow_definition: RunDefinition;
  _count: { comments: number; artifacts: number };
  steps: Step[];
  comments?: Comment[];
  children?: ChildRun[];
  checkpoints?: Checkpoint[];
  artifacts?: Artifact[];
}

export type MessageType = "user" | "agent" | "system";
export type Action = "comment" | "instruction" | "pause" | "resume" | "cancel" | "redirect";

export interface Message {
  id: number;
  message_type: MessageType;
  agent_type: string | null;
  content: string;
  action_type: Action;
  action_status: "pending" | "acknowledged" | "processed" | "ignored";
  step_id: string | null;
  metadata: Record<string, unknown> | null;
  created_at: string;
  artifacts?: Artifact[];
}

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

export interface ActivityRow {
  attempt: string;
  offset: number;
  at: string | null;
  parent: string | null;
  activity: Activity;
}

export interface Diagnostic {
  severity: "error" | "warning";
  code: string;
  message: string;
  help: string | null;
  file: string;
  line: number;
  column: number;
  end_line: number;
  end_column: number;
  excerpt: string;
}

export interface DefinitionStep {
  id: string;
  name: string;
  phase: string | null;
  type: StepType;
  needs: string[];
  agent?: string;
  workflow?: string;
  provider?: string;
}

export interface DefinitionStats {
  runs: number;
  completed?: number;
  failed?: number;
  success_rate?: number | null;
  median_ms?: number | null;
  p90_ms?: number | null;
  median_cost_usd?: number | null;
}

export interface Definition {
  id: string;
  project_id: string;
  key: string;
  name: string;
  description: string | null;
  type: "code" | "yaml";
  path: string;
  phases: string[];
  phase_labels: Record<string, string> | null;
  args_schema: JsonSchema | null;
  steps: DefinitionStep[];
  hash: string | null;
  is_valid: boolean;
  diagnostics: Diagnostic[];
  stats: DefinitionStats | null;
  source?: string | null;
  updated_at: string | null;
}

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

export interface Project {
  id: string;
  name: string;
  path: string;
  created_at: string;
}

export interface Agent {
  name: string;
  label: string;
  path: string | null;
  version: string | null;
  logged_in?: boolean | null;
  login?: string | null;
  install?: string;
  log_in?: string;
  capabilities?: Record<string, unknown> | null;
  [key: string]: unknown;
}

export interface RewindPreview {
  files: { path: string; old_path: string | null; change: string; insertions: number | null; deletions: number | null }[];
  files_count: number;
  restores_files: boolean;
  detail: string;
  steps: Step[];
}

export type Role = "viewer" | "operator" | "admin";

export interface Me {
  id: string;
  name: string;
  username: string;
  role: Role;
}

export interface User {
  id: string;
  username: string;
  name: string;
  role: Role;
  disabled: boolean;
  has_password: boolean;
  created_at: string;
}

export interface Member {
  user_id: string;
  username: string;
  name: string;
  role: Role;
}

export interface Token {
  id: string;
  user_id: string;
  name: string;
  role: Role;
  created_at: string;
  expires_at: string | null;
  /** Its value, in the answer that made it and nowhere else. */
  token?: string;
}

export interface Webhook {
  id: string;
  url: string;
  /** Types of events; none: all. */
  events: string[];
  project_id: string | null;
  description: string | null;
  enabled: boolean;
  created_at: string;
  /** In the answer that made it, and nowhere else. */
  secret?: string;
}

export interface Delivery {
  id: string;
  type: string;
  state: "waiting" | "delivered" | "failed";
  attempts: number;
  next_attempt_at: string | null;
  last_attempt_at: string | null;
  last_status: number | null;
  last_error: string | null;
  created_at: string;
  payload: unknown;
}

/** An entry of the audit trail. */
export interface Deed {
  id: string;
  at: string;
  user_id: string;
  username: string;
  attempt_id: string | null;
  method: string;
  path: string;
  status: number;
  address: string | null;
}

export interface LogPart {
  type: string;
  step_id: string;
  content: string;
  offset: number;
  next_offset: number | null;
  total: number;
}

/** What the socket brings. */
export interface Told {
  type: string;
  data: Record<string, unknown>;
  pos?: number;
  ts: string;
}
