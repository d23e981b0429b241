/** The graph tab: which step needs which, and how each stands. */
import { Background, Controls, type Edge, Handle, MarkerType, MiniMap, type Node, type NodeProps, Position, ReactFlow, type ReactFlowInstance } from "@xyflow/react";
import { useMemo, useRef, useState } from "react";
import type { Run, Step } from "~/api/types";
import { phaseLabel } from "~/lib/format";
import { useMedia } from "~/lib/media";
import { stepState } from "~/lib/run-state";
import { StepIcon, WorkerTag } from "~/ui/badge";
import { Find } from "~/ui/find";
import { Pick } from "~/ui/menu";
import { Since } from "~/ui/time";
import { useStored } from "~/lib/stored";
import { found, graph, HEIGHT, inView, WIDTH } from "./graph-model";
import "@xyflow/react/dist/base.css";

type StepNode = Node<{ step: Step; items: Step[]; run: Run; onOpen: (key: string) => void; isDown: boolean; isAside: boolean }, "step">;

const types = { step: StepBox };

/** More nodes than this do not fit a window so that they can be read: it begins at what is going on. */
const MANY = 30;

export default function GraphTab({ run, onStep }: { run: Run; onStep: (key: string) => void }) {
  const isNarrow = useMedia("(max-width: 720px)");
  const theme = useStored("theme");
  const made = useMemo(() => graph(run, isNarrow), [run, isNarrow]);
  const flow = useRef<ReactFlowInstance<StepNode, Edge> | null>(null);
  const [query, setQuery] = useState("");
  const [at, setAt] = useState(0);
  const isMany = made.nodes.length > MANY;
  const matches = useMemo(() => found(made.nodes, query), [made.nodes, query]);
  const matched = new Set(matches.map((node) => node.id));
  const phases = [...new Set(made.nodes.flatMap((node) => (node.step.phase ? [node.step.phase] : [])))];
  const goTo = (node: { x: number; y: number } | undefined, zoom = isNarrow ? 0.85 : 1, duration = 150) => {
    if (node) void flow.current?.setCenter(node.x + WIDTH / 2, node.y + HEIGHT / 2, { zoom, duration });
  };
  const goToMatch = (index: number) => {
    const next = (index + matches.length) % Math.max(1, matches.length);
    setAt(next);
    goTo(matches[next]);
  };
  const goToPhase = (phase: string) => void flow.current?.fitView({ nodes: made.nodes.filter((node) => node.step.phase === phase), maxZoom: 1, minZoom: 0.45, padding: 0.1, duration: 150 });
  const nodes: StepNode[] = made.nodes.map((node) => ({
    id: node.id,
    type: "step",
    position: { x: node.x, y: node.y },
    data: { step: node.step, items: node.items, run, onOpen: onStep, isDown: isNarrow, isAside: query.trim() !== "" && !matched.has(node.id) },
    width: WIDTH,
    height: HEIGHT,
    draggable: false,
    connectable: false,
    focusable: false,
  }));
  const edges: Edge[] = made.edges.map((edge) => ({
    id: edge.id,
    source: edge.from,
    target: edge.to,
    className: edge.isDone ? "edge edge--done" : "edge",
    markerEnd: { type: MarkerType.ArrowClosed, width: 14, height: 14 },
    focusable: false,
  }));
  return (
    <div className="graph">
      {isMany ? (
        <div className="tlx-bar graph-find">
          <Find
            small
            label="Find a step"
            placeholder={`Find one of ${made.nodes.length} steps`}
            value={query}
            onChange={(value) => {
              setQuery(value);
              setAt(0);
              goTo(found(made.nodes, value)[0]);
            }}
            onNext={(step) => goToMatch(at + step)}
            status={query.trim() === "" ? "" : matches.length === 0 ? "nothing" : `${Math.min(at, matches.length - 1) + 1} of ${matches.length}`}
          />
          {phases.length > 1 ? (
            <Pick
              small
              label="Go to a phase"
              shown="Go to"
              value=""
              options={[{ value: "", label: "phase" }, ...phases.map((phase) => ({ value: phase, label: phaseLabel(phase, run.workflow_definition.phase_labels) }))]}
              onPick={(phase) => phase && goToPhase(phase)}
            />
          ) : null}
        </div>
      ) : null}
      <ReactFlow
        nodes={nodes}
        edges={edges}
        nodeTypes={types}
        fitView={!isMany}
        fitViewOptions={{ maxZoom: 1, minZoom: 0.05, padding: 0.08 }}
        onInit={(instance) => {
          flow.current = instance;
          // Its size is known when it has been drawn.
          if (isMany) requestAnimationFrame(() => goTo(inView(made.nodes, run), 0.85, 0));
        }}
        minZoom={0.05}
        maxZoom={1.6}
        onlyRenderVisibleElements={nodes.length > 60}
        nodesDraggable={false}
        nodesConnectable={false}
        elementsSelectable={false}
        colorMode={theme === "dark" || theme === "light" ? theme : "system"}
        proOptions={{ hideAttribution: true }}
        aria-label="Graph of the steps"
      >
        <Background gap={24} />
        <Controls showInteractive={false} />
        {nodes.length > 12 && !isNarrow ? <MiniMap pannable zoomable ariaLabel="Map of the graph" nodeClassName={(node) => `map map--${stepState((node as StepNode).data.step, run)}`} /> : null}
      </ReactFlow>
    </div>
  );
}

function StepBox({ data }: NodeProps<StepNode>) {
  const { step, items, run, onOpen, isDown, isAside } = data;
  const state = stepState(step, run);
  const done = items.filter((item) => item.status === "completed").length;
  return (
    <>
      <Handle type="target" position={isDown ? Position.Top : Position.Left} isConnectable={false} />
      <button type="button" className="node nodrag" data-s={state} data-aside={isAside || undefined} onClick={() => onOpen(step.step_id)} title={step.name}>
        <StepIcon state={state} />
        <span className="node-t">
          <span className="node-n">{step.name}</span>
          <span className="node-s">
            <WorkerTag step={step} />
            {items.length > 0 ? <span className="num">{`${done}/${items.length}`}</span> : null}
            <span className="grow" />
            {step.started_at ? <Since exact from={step.started_at} to={step.completed_at} /> : null}
          </span>
        </span>
        <span className="sr">{step.status}</span>
      </button>
      <Handle type="source" position={isDown ? Position.Bottom : Position.Right} isConnectable={false} />
    </>
  );
}
