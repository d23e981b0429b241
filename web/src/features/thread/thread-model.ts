/** Pure: messages and what the sessions did, as one thread in time, with activity folded. */
import type { ActivityRow, Message, Step, ToolUse } from "~/api/types";
import { isCut } from "~/api/patch";
import { bytes, clock, plural } from "~/lib/format";

export type Item =
  | { kind: "message"; key: string; at: string; message: Message; lasted?: string }
  | { kind: "said"; key: string; at: string; step: Step; text: string; tone: "message" | "plan" }
  | { kind: "tools"; key: string; at: string; until: string; step: Step | null; tools: ToolUse[]; notes: string[] }
  | { kind: "comments"; key: string; at: string; until: string; agent: string | null; step: string | null; messages: Message[] }
  | { kind: "note"; key: string; at: string; message: Message }
  | { kind: "system"; key: string; at: string; icon: "clock" | "retry" | "warn" | "message"; text: string; isGap: boolean };

/** What the session of one attempt did. */
export interface Acts {
  step: Step;
  attempt: number;
  rows: ActivityRow[];
}

interface Begun {
  step: Step;
  number: number;
  /** When it began. */
  from: string;
}

/** The attempts of a step that have begun, the first first. */
function begun(step: Step): Begun[] {
  const known = step.attempts ?? [];
  const all = known.map((each) => ({ step, number: each.number, from: each.started_at }));
  const last = known.at(-1);
  // One that has just begun is not in the list yet.
  const from = last ? (last.ended_at ?? last.started_at) : step.started_at;
  return from && step.attempt > (last?.number ?? 0) ? [...all, { step, number: step.attempt, from }] : all;
}

/** The attempts of all sessions of a run in the order of time: not more than so many, the newest. */
export function sessions(steps: Step[], most: number): Begun[] {
  return steps
    .filter((step) => step.session)
    .flatMap(begun)
    .sort((a, b) => a.from.localeCompare(b.from))
    .slice(-most);
}

/** A message of an agent that only says what it did. */
function isAutomatic(message: Message): boolean {
  if (message.message_type !== "agent") return false;
  const metadata = message.metadata ?? {};
  return metadata.automatic === true || typeof metadata.activity === "string" || metadata.kind !== undefined || /^(Reading|Writing|Editing|Running|Searching|Calling|Deleting|Fetching)\b[^\n]{0,300}$/.test(message.content);
}

/** What agents say of themselves that their sessions do not. */
const KEPT = ["starting", "continuing", "completed", "failed", "acknowledged", "result"];

/** One row of a use of a tool per use, as it stood last. */
function lastOfEach(rows: ActivityRow[]): ActivityRow[] {
  const last = new Map<string, number>();
  for (const [index, row] of rows.entries()) if (row.activity.kind === "tool_use") last.set(`${row.attempt}/${row.activity.id}`, index);
  const first = new Set<string>();
  return rows.flatMap((row) => {
    if (row.activity.kind !== "tool_use") return [row];
    const key = `${row.attempt}/${row.activity.id}`;
    // It stands where it began, as it ended.
    if (first.has(key)) return [];
    first.add(key);
    return [{ ...row, activity: rows[last.get(key)!]!.activity }];
  });
}

function ofSession({ step, attempt, rows }: Acts): Item[] {
  const items: Item[] = [];
  let fold: Extract<Item, { kind: "tools" }> | null = null;
  const from = attempt > 1 ? begun(step).find((each) => each.number === attempt)?.from : undefined;
  // Until an attempt has a file of its own, that of the one before is read in its place.
  const own = from ? rows.filter((row) => !row.at || row.at >= from) : rows;
  if (isCut(rows)) items.push({ kind: "system", key: `cut-${step.id}-${attempt}`, at: own[0]?.at ?? "", icon: "message", text: `${step.name}: what it did before is in the step's Events`, isGap: true });
  for (const row of lastOfEach(own)) {
    const at = row.at ?? step.started_at ?? "";
    const key = `${row.attempt}-${row.offset}`;
    const { activity } = row;
    if (activity.kind === "tool_use") {
      fold ??= { kind: "tools", key: `tools-${key}`, at, until: at, step, tools: [], notes: [] };
      fold.tools.push(activity);
      fold.until = at;
      continue;
    }
    if (activity.kind === "thinking") {
      if (fold) fold.notes.push(activity.text);
      continue;
    }
    const item = ofActivity(row, step, key, at);
    if (!item) continue;
    if (fold) items.push(fold);
    fold = null;
    items.push(item);
  }
  if (fold) items.push(fold);
  return items;
}

function ofActivity(row: ActivityRow, step: Step, key: string, at: string): Item | null {
  const { activity } = row;
  switch (activity.kind) {
    case "message":
    case "plan":
      return activity.text.trim() === "" ? null : { kind: "said", key, at, step, text: activity.text, tone: activity.kind };
    case "rate_limit":
      return activity.rejected ? { kind: "system", key, at, icon: "clock", text: `${step.name}: usage limit reached, goes on in the same session`, isGap: true } : null;
    case "compaction":
      return { kind: "system", key, at, icon: "message", text: `${step.name}: the conversation was shortened to fit the model`, isGap: false };
    case "api_retry":
      return { kind: "system", key, at, icon: "retry", text: `${step.name}: the model's service failed, asked again (${activity.message})`, isGap: false };
    case "error":
      return { kind: "system", key, at, icon: "warn", text: `${step.name}: ${activity.message}`, isGap: false };
    default:
      return null;
  }
}

/** Of the messages that say that a run is paused: how long it was, by their ids. */
function pauses(messages: Message[]): Map<number, string> {
  const found = new Map<number, string>();
  let open: Message | undefined;
  for (const message of messages) {
    if (message.message_type !== "system") continue;
    if (/^Workflow paused(?! for more than)/.test(message.content)) open = message;
    const end = /^Workflow (resumed|cancelled)/.exec(message.content)?.[1];
    if (!end || !open) continue;
    found.set(open.id, `${end} ${clock(Date.parse(message.created_at) - Date.parse(open.created_at), true)} later`);
    open = undefined;
  }
  return found;
}

/** Neighbouring automatic comments are one fold. */
function ofMessages(messages: Message[], isShown: (message: Message) => boolean): Item[] {
  const items: Item[] = [];
  const paused = pauses(messages);
  for (const message of messages) {
    if (!isAutomatic(message)) {
      const lasted = paused.get(message.id);
      items.push({ kind: "message", key: `m-${message.id}`, at: message.created_at, message, ...(lasted ? { lasted } : {}) });
      continue;
    }
    if (KEPT.includes(String(message.metadata?.kind))) {
      // What it came to stands above already, in its own words.
      const isRepeat = message.metadata?.kind === "completed" && isShown(message);
      const content = isRepeat ? message.content.split(":", 1)[0]! : message.content;
      items.push({ kind: "note", key: `m-${message.id}`, at: message.created_at, message: { ...message, content } });
      continue;
    }
    // Where the session itself is shown, it says this better.
    if (isShown(message)) continue;
    const last = items.at(-1);
    if (last?.kind === "comments" && last.step === message.step_id) {
      last.messages.push(message);
      last.until = message.created_at;
    } else {
      items.push({ kind: "comments", key: `c-${message.id}`, at: message.created_at, until: message.created_at, agent: message.agent_type, step: message.step_id, messages: [message] });
    }
  }
  return items;
}

export function thread(messages: Message[], acts: Acts[]): Item[] {
  const full = acts.filter((each) => each.rows.length > 0);
  const steps = new Map(full.map(({ step }) => [step.step_id, begun(step)]));
  const shown = new Set(full.map((each) => `${each.step.step_id}/${each.attempt}`));
  /** Whether the session in which this was commented on is there itself. */
  const isShown = (message: Message) => {
    const attempts = message.step_id === null ? undefined : steps.get(message.step_id);
    const its = attempts?.findLast((each) => each.from <= message.created_at) ?? attempts?.[0];
    return its !== undefined && shown.has(`${its.step.step_id}/${its.number}`);
  };
  const items = [...ofMessages(messages, isShown), ...acts.flatMap(ofSession)];
  // A stable sort: what happened in the same millisecond stays in its order.
  return items.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
}

/** "31 actions: 14 reads, 6 edits, 9 commands (1 failed)". */
export function summary(tools: ToolUse[]): { title: string; text: string } {
  const words: [string, ToolUse["tool"][], string?][] = [
    ["read", ["read"]],
    ["edit", ["edit", "delete", "move"]],
    ["command", ["execute"]],
    ["search", ["search"], "searches"],
    ["fetch", ["fetch"], "fetches"],
    ["sub-agent", ["subagent"]],
    ["other", ["think", "other"], "others"],
  ];
  const parts = words.flatMap(([word, kinds, many]) => {
    const some = tools.filter((tool) => kinds.includes(tool.tool));
    if (some.length === 0) return [];
    const failed = some.filter((tool) => tool.status === "failed" || tool.status === "denied").length;
    return [`${plural(some.length, word, many)}${failed > 0 ? ` (${failed} failed)` : ""}`];
  });
  return { title: plural(tools.length, "action"), text: parts.join(", ") };
}

/** The figures at the end of a tool's line. */
export function toolEnd(tool: ToolUse): string {
  if (tool.status === "denied") return "denied";
  if (tool.exit_code !== undefined) return `exit ${tool.exit_code}`;
  if (tool.status === "failed") return "failed";
  if (tool.status === "running" || tool.status === "pending") return "…";
  if (tool.diff) {
    const lines = tool.diff.split("\n");
    const plus = lines.filter((line) => line.startsWith("+") && !line.startsWith("+++")).length;
    const minus = lines.filter((line) => line.startsWith("-") && !line.startsWith("---")).length;
    return `+${plus} −${minus}`;
  }
  return tool.bytes !== undefined ? bytes(tool.bytes) : "";
}

export function toolWord(tool: ToolUse): string {
  return { read: "read", edit: "edit", delete: "delete", move: "move", search: "search", execute: "run", fetch: "fetch", think: "think", subagent: "agent", other: "tool" }[tool.tool];
}

export function toolText(tool: ToolUse): string {
  return tool.command ?? (tool.paths && tool.paths.length > 0 ? tool.paths.join(", ") : undefined) ?? tool.title ?? tool.name;
}

/** How far a message that carries an action has got, in words. */
export function actionWords(message: Message): { icon: "check" | "clock" | "close"; text: string } | null {
  if (message.message_type !== "user" || message.action_type === "comment") return null;
  switch (message.action_status) {
    case "pending":
      return {
        icon: "clock",
        text: message.action_type === "instruction" ? "Waits for the next agent prompt" : message.action_type === "pause" ? "Pausing at the next safe point" : "Under way",
      };
    case "acknowledged":
      return { icon: "check", text: message.action_type === "pause" ? "Seen: pausing at the next safe point" : "Reached the live session" };
    case "processed":
      return { icon: "check", text: { instruction: "Taken up by the agent", pause: "Paused", resume: "Resumed", cancel: "Cancelled", redirect: "Redirected to a new run", comment: "" }[message.action_type] };
    case "ignored":
      return { icon: "close", text: "The run ended before it could be taken up" };
  }
}
