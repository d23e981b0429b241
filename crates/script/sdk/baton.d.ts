// Types of workflow definitions, written by `baton types`. Changes are overwritten.

declare module "@repo/workflow-engine" {
  /** A length of time: `500ms`, `10s`, `30m`, `1h30m`, `3d`. */
  export type Duration = `${number}${"ms" | "s" | "m" | "h" | "d"}${string}` | "0";

  /** Any JSON value. */
  export type Json = string | number | boolean | null | Json[] | { [name: string]: Json };

  /** A JSON Schema (2020-12). */
  export type JsonSchema = { readonly [keyword: string]: unknown };

  /** A zod schema, as far as it matters here. */
  export interface ZodLike<Output = unknown> {
    readonly _zod: { readonly output: Output; readonly input: unknown };
  }

  /** What a schema gives. */
  export type ArgsOf<Schema> = Schema extends ZodLike<infer Output> ? Output : Record<string, any>;

  /** A secret by its name, put in at launch: only in `env`. */
  export interface Secret {
    readonly $secret: string;
  }

  /** How failures are retried. */
  export interface Retry {
    /** Tries in all, the first included. */
    attempts?: number;
    /** The wait before the second try. */
    backoff?: Duration;
    /** What each further wait is multiplied by. */
    factor?: number;
    /** The longest wait. */
    max?: Duration;
    /** Waits are a little random. */
    jitter?: boolean;
  }

  export type Permission = "default" | "plan" | "acceptEdits" | "bypassPermissions";
  export type AgentName = "claude" | "codex" | "gemini" | `acp:${string}` | `command:${string}` | (string & {});
  export type Env = Record<string, string | Secret>;

  interface StepBase {
    /** The first argument of `ctx.step` is what counts. */
    id?: string;
    /** The name for people. */
    name?: string;
    /** One of the workflow's `phases`; the one of the step before, when left out. */
    phase?: string;
    /** A failure is a result with `status: "failed"`, not an exception. */
    continue_on_error?: boolean;
  }

  export interface AgentStepConfig<Args = any> extends StepBase {
    type: "agent";
    agent?: AgentName;
    /** What it is asked; a function is called once. */
    prompt: string | ((ctx: WorkflowContext<Args>) => string);
    permission?: Permission;
    model?: string;
    max_turns?: number;
    system_prompt?: string;
    mcp?: Json;
    tools?: { allow?: string[]; deny?: string[] };
    /** Go on in the session of this earlier step. */
    session?: string;
    /** The schema its answer must fit: then `data` has it. */
    output?: JsonSchema | ZodLike;
    cwd?: string;
    env?: Env;
    timeout?: Duration;
    retry?: Retry;
    on_usage_limit?: "wait" | "fail";
    artifacts?: string[];
  }

  export interface ScriptStepConfig extends StepBase {
    type: "script";
    /** A text for /bin/sh, or words without a shell. Values go in with sh`…`. */
    command: string | readonly string[];
    cwd?: string;
    env?: Env;
    timeout?: Duration;
    retry?: Retry;
    on_lost?: "rerun" | "fail" | "ask";
    /** Expressions over `stdout`, `stderr` and `exit_code`. */
    outputs?: Record<string, string>;
    artifacts?: string[];
  }

  export interface FunctionStepConfig<Args = any, Value = any> extends StepBase {
    type: "function";
    /** Computes and returns; its result is journaled. It cannot ask for steps or wait. */
    fn: (ctx: WorkflowContext<Args>) => Value | Promise<Value>;
    retry?: Retry;
  }

  export interface ApprovalConfig extends StepBase {
    message: string;
    timeout?: Duration;
    on_timeout?: "fail" | "approve" | "reject";
    on_reject?: "fail" | "continue";
  }

  export interface WaitConfig extends StepBase {
    for?: Duration;
    until?: string | Date;
  }

  export interface RemoteConfig extends StepBase {
    provider: string;
    workflow_id: string | number;
    vars?: Record<string, Json>;
    timeout?: Duration;
    retry?: Retry;
  }

  export interface ChildConfig extends StepBase {
    /** The key of the definition to run. */
    workflow: string;
    args?: Record<string, Json>;
    /** In a worktree of its own. */
    isolate?: boolean;
    timeout?: Duration;
    retry?: Retry;
  }

  export type StepConfig<Args = any> =
    | AgentStepConfig<Args>
    | ScriptStepConfig
    | FunctionStepConfig<Args>
    | (ApprovalConfig & { type: "approval" })
    | (WaitConfig & { type: "wait" })
    | (RemoteConfig & { type: "remote" })
    | (ChildConfig & { type: "workflow" });

  /** What a step came to. */
  export interface StepResult<Data = any> {
    /** Its id; the second step of an id is `id~2`. */
    stepId: string;
    status: "completed" | "failed" | "skipped";
    /** Text: an agent's answer, the end of a script's stdout. */
    result?: string;
    /** JSON: an agent's checked answer, `$BATON_OUTPUT`, what a function returned. */
    data?: Data;
    /** The named outputs of a script. */
    outputs?: Record<string, any>;
    /** Why it failed. */
    error?: string;
    approved?: boolean;
    exitCode?: number;
    stderr?: string;
    sessionId?: string;
  }

  export interface ExecResult {
    exitCode: number;
    stdout: string;
    stderr: string;
  }

  /** A step failed; thrown by `ctx.step` and the like unless `continue_on_error`. */
  export class StepError extends Error {
    readonly stepId: string;
    readonly code: string;
    readonly result: StepResult;
  }

  export interface WorkflowContext<Args = any> {
    readonly runId: string;
    /** The run's own directory. */
    readonly projectPath: string;
    readonly args: Args;
    readonly run: {
      readonly id: string;
      readonly number: number;
      readonly name: string;
      readonly url: string;
      readonly path: string;
      readonly branch: string | null;
      readonly instruction: string;
    };
    readonly project: { readonly id: string; readonly name: string; readonly path: string };

    step<Value>(id: string, config: FunctionStepConfig<Args, Value>): Promise<StepResult<Value>>;
    step(id: string, config: StepConfig<Args>): Promise<StepResult>;
    /** Waits for a person's yes or no. */
    approval(id: string, config: string | ApprovalConfig): Promise<StepResult<{ approved: boolean; by: string }>>;
    /** Waits, also through restarts. */
    wait(time: Duration | Date): Promise<StepResult>;
    wait(id: string, config: Duration | Date | WaitConfig): Promise<StepResult>;
    remote(id: string, config: RemoteConfig): Promise<StepResult>;
    /** Runs another definition as a child. */
    workflow(id: string, config: string | ChildConfig): Promise<StepResult>;
    /** A command without a name of its own; a failure is an exit code, not an exception. */
    exec(command: string | readonly string[], cwd?: string): Promise<ExecResult>;
    /** All of these, at most `max_parallel` at once. */
    parallel<Work extends readonly (() => unknown)[] | Record<string, () => unknown>>(
      work: Work,
      limits?: { max_parallel?: number },
    ): Promise<{ [Name in keyof Work]: Work[Name] extends () => infer Value ? Awaited<Value> : never }>;
    /** A pause point and an extra snapshot. */
    checkpoint(): Promise<void>;
    /** Says something in the run's thread. */
    comment(text: string, stepId?: string): Promise<void>;
    /** The same, for what is only of interest to read later. */
    log(...values: unknown[]): void;
    /** The phase of the steps that follow. */
    phase(name: string): void;
    getStepResult(id: string): StepResult | undefined;
  }

  export interface WorkflowConfig<Schema = undefined> {
    name: string;
    description?: string;
    /** The columns of the board. */
    phases?: readonly (string | { id: string; label?: string })[];
    /** A zod or a JSON schema: also the form that people fill in. */
    argsSchema?: Schema;
    env?: Env;
    worktree?:
      | "stay"
      | "branch"
      | "worktree"
      | { mode?: "stay" | "branch" | "worktree"; copy?: string[]; setup?: string; finish?: "keep" | "merge" | "review" };
    /** The key may name args: `deploy-{{ args.environment }}`. */
    concurrency?: string | { key: string; limit?: number; on_full?: "queue" | "reject" | "cancel_oldest" };
    budget?: { usd?: number; tokens?: number; minutes?: number };
    triggers?: {
      schedule?: { cron: string; tz?: string; catch_up?: "none" | "one" | "all"; args?: Record<string, Json> };
      webhook?: { secret_env: string; if?: string; args?: Record<string, Json> };
    };
    defaults?: {
      agent?: AgentName;
      model?: string;
      permission?: Permission;
      timeout?: Duration;
      retry?: Retry;
      on_usage_limit?: "wait" | "fail";
      on_lost?: "rerun" | "fail" | "ask";
      env?: Env;
      cwd?: string;
    };
    /** The workflow. It is run again from the top whenever it goes on: what is not a step must give the same each time. */
    execute(ctx: WorkflowContext<ArgsOf<Schema>>): unknown;
  }

  export interface Workflow {
    readonly workflow: unique symbol;
  }

  export function defineWorkflow<Schema extends ZodLike | JsonSchema | undefined = undefined>(
    config: WorkflowConfig<Schema>,
  ): Workflow;

  /** Shell text in which values are quoted. */
  export function sh(texts: TemplateStringsArray, ...values: (string | number | boolean | readonly (string | number)[])[]): string;

  /** A secret that `baton secret set NAME` has stored. */
  export function secret(name: string): Secret;
}

declare module "baton" {
  export * from "@repo/workflow-engine";
}

declare const console: Record<"log" | "info" | "warn" | "error" | "debug", (...values: unknown[]) => void>;
declare const crypto: { randomUUID(): string; getRandomValues<T extends { length: number; [index: number]: number }>(array: T): T };
