/** The graph tab: which step needs which, and how each stands. */
import { Background, Controls, type Edge, Handle, MarkerType, MiniMap, type Node, type NodeProps, Position, ReactFlow } from "@xyflow/react";
import { useMemo } from "react";
import type { Run, Step } from "~/api/types";
import { useMedia } from "~/lib/media";
import { stepState } from "~/lib/run-state";
import { StepIcon, WorkerTag } from "~/ui/badge";
import { Since } from "~/ui/time";
import { useStored } from "~/lib/stored";
import { graph, HEIGHT, WIDTH } from "./graph-model";
import "@xyflow/react/dist/base.css";

type StepNode = Node<{ step: Step; items: Step[]; run: Run; onOpen: (key: string) => void; isDown: boolean }, "step">;

const types = { step: StepBox };

export default function GraphTab({ run, onStep }: { run: Run; onStep: (key: string) => void }) {
  const isNarrow = useMedia("(max-width: 720px)");
  const theme = useStored("theme");
  const made = useMemo(() => graph(run, isNarrow), [run, isNarrow]);
  const nodes: StepNode[] = made.nodes.map((node) => ({
    id: node.id,
    type: "step",
    position: { x: node.x, y: node.y },
    data: { step: node.step, items: node.items, run, onOpen: onStep, isDown: isNarrow },
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
      <ReactFlow
        nodes={nodes}
        edges={edges}
        nodeTypes={types}
        fitView
        fitViewOptions={{ maxZoom: 1, minZoom: nodes.length > 40 ? 0.35 : 0.1, padding: 0.08 }}
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
  const { step, items, run, onOpen, isDown } = data;
  const state = stepState(step, run);
  const done = items.filter((item) => item.status === "completed").length;
  return (
    <>
      <Handle type="target" position={isDown ? Position.Top : Position.Left} isConnectable={false} />
      <button type="button" className="node nodrag" data-s={state} onClick={() => onOpen(step.step_id)} title={step.name}>
        <StepIcon state={state} />
        <span className="node-t">
          <span className="medium cut">{step.name}</span>
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
