/** Settings: this browser, projects, agents, users, tokens, webhooks and providers. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { write } from "~/api/client";
import { endpoints } from "~/api/endpoints";
import { keys, queries } from "~/api/queries";
import type { Agent, Project } from "~/api/types";
import { useMe, useProject } from "~/features/project/use-project";
import { applyTheme, remember, useStored } from "~/lib/stored";
import { Badge } from "~/ui/badge";
import { Button } from "~/ui/button";
import { Copy } from "~/ui/copy";
import { Confirm } from "~/ui/dialog";
import { StateIcon } from "~/ui/icon";
import { Empty, Failure, Skeleton } from "~/ui/state";
import { Segmented } from "~/ui/tabs";
import { Ago } from "~/ui/time";
import { useRefusal, useToast } from "~/ui/toast";
import { Part } from "./part";
import { Tokens } from "./tokens";
import { Users } from "./users";
import { Webhooks } from "./webhooks";

const sections = [
  { key: "browser", label: "This browser" },
  { key: "projects", label: "Projects" },
  { key: "agents", label: "Agents" },
  { key: "users", label: "Users" },
  { key: "tokens", label: "Tokens" },
  { key: "webhooks", label: "Webhooks" },
  { key: "budgets", label: "Budgets" },
  { key: "providers", label: "Providers" },
] as const;

export function SettingsPage() {
  const search = useSearch({ from: "__root__" });
  const navigate = useNavigate();
  const current = sections.find((each) => each.key === search.section)?.key ?? "browser";
  return (
    <main className="main" id="main">
      <header className="top">
        <h1>Settings</h1>
      </header>
      <div className="set">
        <nav className="set-nav" aria-label="Settings">
          {sections.map((each) => (
            <button key={each.key} type="button" aria-current={each.key === current ? "page" : undefined} onClick={() => void navigate({ to: ".", search: { section: each.key }, replace: true })}>
              {each.label}
            </button>
          ))}
        </nav>
        <div className="set-body" tabIndex={0} role="region" aria-label={sections.find((each) => each.key === current)?.label}>
          <div className="set-in">
            {current === "browser" ? <Browser /> : null}
            {current === "projects" ? <Projects /> : null}
            {current === "agents" ? <Agents /> : null}
            {current === "users" ? <Users /> : null}
            {current === "tokens" ? <Tokens /> : null}
            {current === "webhooks" ? <Webhooks /> : null}
            {current === "budgets" ? <Budgets /> : null}
            {current === "providers" ? <Empty icon="globe" title="Providers come with a later version" text="External workflow services that are reached by HTTP and answer by webhooks. They are named in baton.toml." /> : null}
          </div>
        </div>
      </div>
    </main>
  );
}

function Browser() {
  const theme = useStored("theme") ?? "system";
  const me = useMe();
  const toast = useToast();
  const refused = useRefusal();
  const [permission, setPermission] = useState(typeof Notification === "undefined" ? "unsupported" : Notification.permission);
  return (
    <>
      <Part title="Theme" text="Light, dark, or as the system is.">
        <div>
          <Segmented
            label="Theme"
            value={theme}
            options={[
              { value: "system", label: "System" },
              { value: "light", label: "Light" },
              { value: "dark", label: "Dark" },
            ]}
            onPick={(picked) => {
              remember("theme", picked === "system" ? null : picked);
              applyTheme();
            }}
          />
        </div>
      </Part>
      <Part title="Notifications" text="When a run begins to need you and this page is not in front.">
        <div className="row">
          {permission === "granted" ? (
            <Badge state="done" words="On" />
          ) : permission === "default" ? (
            <Button onClick={() => void Notification.requestPermission().then(setPermission)}>Allow notifications</Button>
          ) : (
            <span className="muted">{permission === "denied" ? "The browser has them forbidden for this page; its own settings can allow them." : "This browser has none."}</span>
          )}
        </div>
      </Part>
      <Part title="Session" text={me ? `Signed in as ${me.name ?? me.username ?? "local"}, ${me.role}.` : "Signed in."}>
        <div>
          <Button
            onClick={() => {
              write("POST", endpoints.logout(), {})
                .then(() => location.assign("/"))
                .catch((error: unknown) => refused(error, "You are still signed in"));
              toast({ title: "Signing out" });
            }}
          >
            Sign out
          </Button>
        </div>
      </Part>
    </>
  );
}

function Projects() {
  const { projects, isLoading, error, project } = useProject();
  const cache = useQueryClient();
  const refused = useRefusal();
  const [path, setPath] = useState("");
  const [busy, setBusy] = useState(false);
  const [forgetting, setForgetting] = useState<Project | null>(null);
  if (error && projects.length === 0) return <Failure error={error} what="The list of projects" />;
  if (isLoading) return <Skeleton />;
  const add = async () => {
    setBusy(true);
    try {
      await write("POST", endpoints.projects(), { path: path.trim() });
      setPath("");
      await cache.invalidateQueries({ queryKey: keys.projects });
    } catch (problem) {
      refused(problem, "The project was not added");
    }
    setBusy(false);
  };
  return (
    <Part title="Projects" text="Directories with definitions in .agent/workflows/definitions. Starting a run in one adds it by itself.">
      <ul className="set-list">
        {projects.map((each) => (
          <li key={each.id}>
            <div className="grow">
              <div className="medium">
                {each.name} {each.id === project?.id ? <span className="pill">shown</span> : null}
              </div>
              <div className="sub m11 anywhere">{each.path}</div>
            </div>
            <Button size="sm" kind="ghost" onClick={() => setForgetting(each)}>
              Forget
            </Button>
          </li>
        ))}
      </ul>
      <form
        className="row set-add"
        onSubmit={(event) => {
          event.preventDefault();
          void add();
        }}
      >
        <input className="input mono" aria-label="Directory of a project" placeholder="/path/to/a/project" value={path} onChange={(event) => setPath(event.target.value)} />
        <Button type="submit" busy={busy} can={path.trim() ? true : "Write its directory first"} icon="plus">
          Add
        </Button>
      </form>
      <Confirm
        open={forgetting !== null}
        onClose={() => setForgetting(null)}
        onConfirm={() => {
          if (!forgetting) return;
          write("DELETE", `${endpoints.projects()}/${encodeURIComponent(forgetting.id)}`)
            .then(() => cache.invalidateQueries({ queryKey: keys.projects }))
            .catch((problem: unknown) => refused(problem, "The project was not forgotten"));
        }}
        title={`Forget ${forgetting?.name ?? ""}?`}
        text="It leaves the list. Its files and its runs stay as they are."
        act="Forget project"
      />
    </Part>
  );
}

const canWords: [string, string][] = [
  ["steer", "takes messages while it works"],
  ["interrupt", "can be interrupted"],
  ["approve", "asks before it acts"],
  ["resume", "resumes its session"],
  ["todos", "shows its todos"],
  ["cost", "says what it costs"],
  ["limits", "says its limits"],
];

function Agents() {
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

function Budgets() {
  const { project } = useProject();
  const { data: board } = useQuery(queries.board(project?.id ?? ""));
  const reached = (board?.runs ?? []).filter((run) => run.status === "paused" && run.pause_reason === "budget");
  return (
    <Part title="Budgets" text="A budget parks a run instead of throwing its work away: it is paused, and resuming grants the budget once more. A definition sets it, and so can the form that starts a run.">
      <pre className="block">{"budget: {usd: 5, tokens: 2000000, minutes: 120}"}</pre>
      <p className="soft">{reached.length === 0 ? "No run has reached its budget." : `${reached.length} runs have reached theirs and wait for you.`}</p>
      {reached.map((run) => (
        <p key={run.id}>
          #{run.number} {run.name} <Ago at={run.paused_at ?? run.updated_at} />
        </p>
      ))}
    </Part>
  );
}
