/** The board before anything has run: what is there, what is missing, and the next command. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { write } from "~/api/client";
import { endpoints } from "~/api/endpoints";
import { keys, queries } from "~/api/queries";
import type { Definition, Project, Run } from "~/api/types";
import { wish } from "~/features/orders/use-orders";
import { useMe } from "~/features/project/use-project";
import { canAct } from "~/lib/run-can";
import { problems, initial } from "~/lib/schema";
import { shown } from "~/lib/shortcuts";
import { Button } from "~/ui/button";
import { Copy } from "~/ui/copy";
import { StateIcon } from "~/ui/icon";
import { useRefusal } from "~/ui/toast";

/** Whether it can be started as it is: valid, without an agent, every argument with a default. */
function isSample(definition: Definition): boolean {
  if (!definition.is_valid || definition.steps.some((step) => step.type === "agent" || step.type === "remote")) return false;
  return !definition.args_schema || problems(definition.args_schema, initial(definition.args_schema)).length === 0;
}

export function FirstRun({ project, definitions }: { project: Project | undefined; definitions: Definition[] }) {
  const me = useMe();
  const { data: agents } = useQuery(queries.agents());
  const navigate = useNavigate();
  const refused = useRefusal();
  const [busy, setBusy] = useState(false);
  const samples = definitions.filter(isSample);
  const sample = samples.find((each) => ["tour", "release", "hello"].includes(each.key)) ?? samples[0];
  const canAdd = project !== undefined && definitions.length === 0;
  const ready = (agents ?? []).filter((agent) => agent.path && agent.login !== "none");
  const missing = (agents ?? []).filter((agent) => !agent.path || agent.login === "none");

  const start = async () => {
    if (!project) return;
    setBusy(true);
    try {
      if (!sample) await write("POST", endpoints.examples(project.id), {});
      const { data } = await write<{ data: Run }>("POST", endpoints.runs(), { project_id: project.id, definition: sample?.key ?? "tour" }, wish());
      void navigate({ to: "/runs/$run/$tab", params: { run: String(data.number), tab: "overview" } });
    } catch (error) {
      refused(error, "The sample did not start");
      setBusy(false);
    }
  };

  return (
    <div className="empty">
      <div className="empty-in">
        <svg className="lanes" viewBox="0 0 694 72" aria-hidden="true">
          {lanes.map(([x, y, width, fill], index) => (
            <rect key={index} x={x} y={y} width={width} height="10" rx="1.5" transform="skewX(-18)" className={`lane lane--${fill}`} />
          ))}
        </svg>
        <div className="first-h">
          <h2>Nothing is running yet</h2>
          <p className="lead">
            A workflow hands work from agent to agent and to you. {sample ? "Start with a sample to see every screen move, or describe your own." : canAdd ? "Begin with the samples, or write a definition of your own: it shows up here by itself." : "Write a first definition, and it shows up here by itself."}
          </p>
        </div>
        <div className="row wrap">
          {sample ? (
            <Button kind="pri" size="lg" icon="play" busy={busy} can={canAct(me)} onClick={() => void start()}>
              Run the sample
            </Button>
          ) : canAdd ? (
            <Button kind="pri" size="lg" icon="play" busy={busy} can={canAct(me)} onClick={() => void start()}>
              Add the samples and run one
            </Button>
          ) : null}
          {definitions.length > 0 ? (
            <Button size="lg" icon="plus" onClick={() => void navigate({ to: ".", search: { new: "pick" } })}>
              Choose a definition
            </Button>
          ) : null}
          {sample ? <span className="muted t12">“{sample.name}” calls no agent and costs nothing</span> : null}
          {!sample && canAdd ? <span className="muted t12">Two files in .agent/workflows/definitions; they call no agent and cost nothing</span> : null}
        </div>
        <div className="ways">
          <Way
            done={!!project}
            title={project ? `Project ${project.name}` : "No project yet"}
            text={project ? project.path : "A project is a directory with definitions. Run this in one:"}
            end={project ? undefined : <Copy text="baton init" />}
          />
          {project ? null : <AddProject />}
          {ready.length > 0 ? (
            <Way
              done
              title={ready.length === 1 ? `${ready[0]!.label} is ready` : `${ready.map((agent) => agent.label).join(" and ")} are ready`}
              text={ready.map((agent) => agent.version ?? agent.name).join(", ")}
              end={<span className="muted t12">{ready.length === 1 ? "1 agent" : `${ready.length} agents`}</span>}
            />
          ) : null}
          {missing.slice(0, 2).map((agent) => (
            <Way
              key={agent.name}
              done={false}
              title={agent.path ? `${agent.label} is not signed in` : `${agent.label} is not installed`}
              text={agent.path ? (agent.log_in ?? "Optional.") : "Optional. Anything that speaks ACP works as well."}
              end={<Copy text="baton doctor" />}
            />
          ))}
          <Way
            done={definitions.length > 0}
            title={definitions.length > 0 ? `${definitions.length} ${definitions.length === 1 ? "definition" : "definitions"}` : "No definitions yet"}
            text={definitions.length > 0 ? definitions.slice(0, 4).map((each) => each.name).join(", ") : "Looked in .agent/workflows/definitions. New files show up here by themselves."}
            end={definitions.length > 0 ? undefined : <Copy text="baton init" />}
          />
        </div>
        <div className="row muted t12 no-phone">
          <kbd>?</kbd> all keys <span className="gap" /> <kbd>{shown("mod+k")}</kbd> do anything
        </div>
      </div>
    </div>
  );
}

function AddProject() {
  const me = useMe();
  const cache = useQueryClient();
  const refused = useRefusal();
  const [path, setPath] = useState("");
  const [busy, setBusy] = useState(false);
  const add = async () => {
    setBusy(true);
    try {
      await write("POST", endpoints.projects(), { path: path.trim() });
      await cache.invalidateQueries({ queryKey: keys.projects });
    } catch (error) {
      refused(error, "The project was not added");
    }
    setBusy(false);
  };
  return (
    <form
      className="way"
      onSubmit={(event) => {
        event.preventDefault();
        void add();
      }}
    >
      <StateIcon state="todo" icon="queued" />
      <input className="input mono" aria-label="Directory of a project" placeholder="/path/to/a/project" value={path} onChange={(event) => setPath(event.target.value)} />
      <Button type="submit" icon="plus" busy={busy} can={me && me.role !== "admin" ? "Only an admin adds projects" : path.trim() ? true : "Write its directory first"}>
        Add project
      </Button>
    </form>
  );
}

function Way({ done, title, text, end }: { done: boolean; title: string; text: string; end?: React.ReactNode }) {
  return (
    <div className="way">
      <StateIcon state={done ? "done" : "todo"} icon={done ? "done" : "queued"} />
      <div className="grow">
        <div className="medium">{title}</div>
        <div className="sub anywhere">{text}</div>
      </div>
      {end ?? <span />}
    </div>
  );
}

const lanes: [number, number, number, string][] = [
  [4, 4, 94, "done"], [102, 4, 146, "done"], [252, 4, 54, "todo"], [310, 4, 118, "todo"], [432, 4, 176, "todo"], [612, 4, 84, "todo"],
  [14, 34, 58, "todo"], [76, 34, 118, "todo"], [198, 34, 60, "done"], [262, 34, 166, "run"], [432, 34, 106, "todo"], [542, 34, 162, "todo"],
  [24, 64, 126, "todo"], [154, 64, 204, "todo"], [362, 64, 74, "todo"], [440, 64, 90, "need"], [534, 64, 58, "todo"], [596, 64, 116, "todo"],
];
