/** The agents that the server finds on its machine. */
import { useQuery } from "@tanstack/react-query";
import { queries } from "~/api/queries";
import type { Agent } from "~/api/types";
import { Button } from "~/ui/button";
import { Copy } from "~/ui/copy";
import { StateIcon } from "~/ui/icon";
import { Failure, Skeleton } from "~/ui/state";
import { Part } from "./part";

const canWords: [string, string][] = [
  ["steer", "takes messages while it works"],
  ["interrupt", "can be interrupted"],
  ["approve", "asks before it acts"],
  ["resume", "resumes its session"],
  ["todos", "shows its todos"],
  ["cost", "says what it costs"],
  ["limits", "says its limits"],
];

export function Agents() {
  const agents = useQuery(queries.agents());
  if (agents.error) return <Failure error={agents.error} what="The list of agents" retry={() => void agents.refetch()} />;
  if (!agents.data) return <Skeleton />;
  return (
    <Part
      title="Agents on this machine"
      text="As the server finds them. A run has the environment it was started with."
      end={
        <Button size="sm" icon="retry" busy={agents.isFetching} onClick={() => void agents.refetch()}>
          Look again
        </Button>
      }
    >
      <ul className="set-list">
        {agents.data.map((agent) => (
          <AgentRow key={agent.name} agent={agent} />
        ))}
      </ul>
    </Part>
  );
}

function AgentRow({ agent }: { agent: Agent }) {
  const isReady = agent.path !== null && agent.login !== "none";
  const can = canWords.filter(([key]) => agent.capabilities?.[key] === true).map(([, words]) => words);
  return (
    <li>
      <StateIcon state={isReady ? "done" : "todo"} icon={isReady ? "done" : "queued"} />
      <div className="grow">
        <div className="medium">
          {agent.label} <span className="muted t12">{agent.version ?? (agent.path ? "" : "not installed")}</span>
        </div>
        <div className="sub m11 anywhere">{agent.path}</div>
        {can.length > 0 ? <div className="sub">{can.join(", ")}</div> : null}
        {agent.path && agent.login === "none" ? <div className="sub">Not signed in: {agent.log_in}</div> : null}
      </div>
      {agent.path ? null : agent.install ? <Copy text={agent.install} /> : null}
    </li>
  );
}
