/** Pure: a run's steps as a graph with places. */
import { Graph, layout } from "@dagrejs/dagre";
import type { Run, Step } from "~/api/types";
import { stepState } from "~/lib/run-state";

export interface Node {
  id: string;
  step: Step;
  items: Step[];
  x: number;
  y: number;
}

export interface Edge {
  id: string;
  from: string;
  to: string;
  isDone: boolean;
}

export const WIDTH = 208;
export const HEIGHT = 64;
/** A chain longer than this is folded into lines, so that it can be read. */
const IN_A_LINE = 6;

export function graph(run: Run, isNarrow: boolean): { nodes: Node[]; edges: Edge[] } {
  const steps = run.steps.filter((step) => !step.parent_step_id);
  const byKey = new Map(steps.map((step) => [step.step_id, step]));
  const declared = steps.flatMap((step) => step.needs.filter((need) => byKey.has(need)).map((need) => [need, step.step_id] as const));
  // Without needs the steps run in order; those of a program after what had ended when they began.
  const inOrder = () => steps.slice(1).map((step, index) => [steps[index]!.step_id, step.step_id] as const);
  const pairs = run.workflow_definition.type === "code" ? begunAfter(steps) : declared.length > 0 ? declared : inOrder();
  const edges = pairs.map(([from, to]) => ({ id: `${from}>${to}`, from, to, isDone: byKey.get(from)?.status === "completed" }));
  const items = (step: Step) => run.steps.filter((each) => each.parent_step_id === step.id);
  const isChain = edges.length === steps.length - 1 && new Set(edges.map((edge) => edge.from)).size === edges.length && new Set(edges.map((edge) => edge.to)).size === edges.length;
  if (isChain && steps.length > IN_A_LINE) {
    const line = isNarrow ? 1 : IN_A_LINE;
    const nodes = steps.map((step, index) => {
      const row = Math.floor(index / line);
      const column = row % 2 === 0 ? index % line : line - 1 - (index % line);
      return { id: step.step_id, step, items: items(step), x: column * (WIDTH + 44), y: row * (HEIGHT + 44) };
    });
    return { nodes, edges };
  }
  const made = new Graph();
  made.setGraph({ rankdir: isNarrow ? "TB" : "LR", nodesep: 18, ranksep: 56 });
  made.setDefaultEdgeLabel(() => ({}));
  for (const step of steps) made.setNode(step.step_id, { width: WIDTH, height: HEIGHT });
  for (const edge of edges) made.setEdge(edge.from, edge.to);
  layout(made);
  const nodes = steps.map((step) => {
    const place = made.node(step.step_id) as { x: number; y: number };
    return { id: step.step_id, step, items: items(step), x: place.x - WIDTH / 2, y: place.y - HEIGHT / 2 };
  });
  return { nodes, edges };
}

/** From each step to those that began when it had ended, leaving out what another between them says already. */
export function begunAfter(steps: Step[]): (readonly [string, string])[] {
  const ended = steps.filter((step) => step.started_at && step.completed_at).sort((a, b) => a.completed_at!.localeCompare(b.completed_at!));
  return steps.flatMap((step) => {
    const { started_at: began } = step;
    if (!began) return [];
    const before = ended.filter((each) => each !== step && each.completed_at! <= began);
    const lastBegun = before.reduce((last, each) => (each.started_at! > last ? each.started_at! : last), "");
    return before.filter((each) => each.completed_at! > lastBegun).map((each) => [each.step_id, step.step_id] as const);
  });
}

/** What a window begins at: what needs somebody, broke, or is at work, else what comes next. */
export function inView(nodes: Node[], run: Pick<Run, "status">): Node | undefined {
  const first = (...states: string[]) => nodes.find((node) => states.includes(stepState(node.step, run)));
  return first("need") ?? first("run", "retry") ?? first("wait", "hold") ?? first("fail") ?? first("todo") ?? nodes[0];
}

/** The steps whose name, id or state has all of these words. */
export function found(nodes: Node[], query: string): Node[] {
  const words = query.trim().toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return [];
  return nodes.filter(({ step }) => {
    const text = `${step.name} ${step.status}`.toLowerCase();
    return words.every((word) => text.includes(word)) || step.step_id.toLowerCase().includes(words.join(" "));
  });
}
