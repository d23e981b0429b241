/** Do anything: pages, runs, definitions, and what can be done with the run that is open. */
import { useQuery } from "@tanstack/react-query";
import { useLocation, useNavigate } from "@tanstack/react-router";
import { Command } from "cmdk";
import { useState } from "react";
import { queries } from "~/api/queries";
import type { Run } from "~/api/types";
import { useMe, useProject } from "~/features/project/use-project";
import { useOrders } from "~/features/orders/use-orders";
import { useRefresh } from "~/features/project/use-refresh";
import { type Can, canAct, canCancel, canFork, canPause, canResume, canRetry, canRewind, canSkipWait, canStart } from "~/lib/run-can";
import { paths, type Tab } from "~/lib/paths";
import { asks, runBadge } from "~/lib/run-state";
import { applyTheme, remember } from "~/lib/stored";
import { Badge } from "~/ui/badge";
import { Icon, type IconName } from "~/ui/icon";

interface Props {
  /** What is typed in it already. */
  words: string;
  onClose: () => void;
  onHelp: () => void;
  /** Asks before this is done. */
  onAsk: (what: "cancel" | "fork", run: Run) => void;
}

export default function Palette({ words: first, onClose, onHelp, onAsk }: Props) {
  const navigate = useNavigate();
  const { pathname } = useLocation();
  const { project, projects, choose } = useProject();
  const orders = useOrders();
  const me = useMe();
  const [q, setQ] = useState(first);
  const { data: board } = useQuery(queries.board(project?.id ?? ""));
  const { data: definitions } = useQuery(queries.definitions(project?.id ?? ""));
  const refresh = useRefresh();
  const id = pathname.startsWith("/runs/") ? decodeURIComponent(pathname.split("/")[2] ?? "") : "";
  const { data: here } = useQuery({ ...queries.run(id), enabled: id !== "" });
  const rests = here?.steps.find((step) => canSkipWait(step, me) === true);
  const go = (run: Run, tab: Tab, hash?: string) => navigate({ to: "/runs/$run/$tab", params: { run: String(run.number), tab }, ...(hash ? { hash } : {}) });
  const run = (act: () => unknown) => () => {
    onClose();
    void act();
  };
  const words = q.trim().toLowerCase().split(/\s+/).filter(Boolean);
  const found = (board?.runs ?? [])
    .filter((each) => words.every((word) => `${each.name} ${each.number} ${each.workflow_definition.name}`.toLowerCase().includes(word)))
    .sort((a, b) => Number(asks(b).length > 0) - Number(asks(a).length > 0) || b.number - a.number)
    .slice(0, 8);

  return (
    <Command.Dialog open onOpenChange={(open) => !open && onClose()} label="Do anything" overlayClassName="scrim" contentClassName="pal" loop>
      <div className="pal-in">
        <Icon name="search" />
        <Command.Input value={q} onValueChange={setQ} placeholder="Find a run, go somewhere, do something" />
        <kbd aria-hidden="true">Esc</kbd>
      </div>
      <Command.List className="pal-list">
        <Command.Empty className="pal-none">Nothing is called that.</Command.Empty>
        {here ? (
          <Command.Group heading={`Run ${here.number}, ${here.name.slice(0, 60)}`}>
            <Item icon="message" text="Write a message" end="R" run={run(() => go(here, "conversation", "reply"))} />
            <Item icon="pause" text="Pause" end="P" can={canPause(here, me)} run={run(() => orders.pause(here))} />
            <Item icon="pause" text="Pause now" can={canPause(here, me)} run={run(() => orders.pause(here, { immediate: true }))} />
            <Item icon="play" text="Resume" end="P" can={canResume(here, me)} run={run(() => orders.resume(here))} />
            {rests ? <Item icon="play" text="Go on now" run={run(() => orders.skipWait(rests))} /> : null}
            <Item icon="retry" text="Retry" can={canRetry(here, me)} run={run(() => orders.retry(here))} />
            <Item icon="rewind" text="Rewind…" can={canRewind(here, me)} run={run(() => go(here, "changes"))} />
            <Item icon="fork" text="Fork…" can={canFork(here, me)} run={run(() => onAsk("fork", here))} />
            <Item icon="stop" text="Cancel run…" end="X" can={canCancel(here, me)} run={run(() => onAsk("cancel", here))} />
          </Command.Group>
        ) : null}
        {found.length > 0 ? (
          <Command.Group heading="Runs">
            {found.map((each) => (
              <RunItem key={each.id} run={each} onSelect={run(() => go(each, "conversation"))} />
            ))}
          </Command.Group>
        ) : null}
        <Command.Group heading="Start">
          <Item icon="plus" text="New run…" end="C" can={project ? canStart(null, me) : "There is no project yet"} run={run(() => navigate({ to: ".", search: (before: Record<string, unknown>) => ({ ...before, new: "pick" }) }))} />
          {(definitions ?? [])
            .filter((each) => canStart(each, me) === true)
            .map((each) => (
              <Item
                key={each.id}
                icon="plus"
                text={`Start ${each.name}`}
                end={each.key}
                run={run(() => navigate({ to: ".", search: (before: Record<string, unknown>) => ({ ...before, new: each.key }) }))}
              />
            ))}
        </Command.Group>
        <Command.Group heading="Go to">
          <Item icon="board" text="Board" end="G B" run={run(() => navigate({ to: paths.board() }))} />
          <Item icon="templates" text="Templates" end="G W" run={run(() => navigate({ to: paths.templates() }))} />
          <Item icon="tasks" text="Tasks" end="G T" run={run(() => navigate({ to: paths.tasks() }))} />
          <Item icon="features" text="Features" end="G F" run={run(() => navigate({ to: paths.features() }))} />
          <Item icon="insights" text="Insights" end="G I" run={run(() => navigate({ to: paths.insights() }))} />
          <Item icon="settings" text="Settings" end="G S" run={run(() => navigate({ to: paths.settings() }))} />
        </Command.Group>
        <Command.Group heading="Everywhere">
          {projects
            .filter((each) => each.id !== project?.id)
            .map((each) => (
              <Item key={each.id} icon="board" text={`Project ${each.name}`} end="switch to it" run={run(() => choose(each.id))} />
            ))}
          {project ? <Item icon="retry" text="Read the definitions again" can={canAct(me)} run={run(refresh)} /> : null}
          <Item icon="keyboard" text="All keys" end="?" run={run(onHelp)} />
          <Item icon="sun" text="Light theme" run={run(() => theme("light"))} />
          <Item icon="sun" text="Dark theme" run={run(() => theme("dark"))} />
          <Item icon="sun" text="Theme of the system" run={run(() => theme(null))} />
        </Command.Group>
      </Command.List>
      <div className="pal-f" aria-hidden="true">
        <span>
          <kbd>↑</kbd>
          <kbd>↓</kbd> choose
        </span>
        <span>
          <kbd>↵</kbd> do it
        </span>
      </div>
    </Command.Dialog>
  );
}

function theme(name: string | null): void {
  remember("theme", name);
  applyTheme();
}

function Item({ icon, text, end, can = true, run }: { icon: IconName; text: string; end?: string; can?: Can; run: () => void }) {
  if (can !== true) return null;
  return (
    <Command.Item value={text} onSelect={run} className="pal-item">
      <Icon name={icon} />
      <span className="cut">{text}</span>
      {end ? <span className="end">{end}</span> : null}
    </Command.Item>
  );
}

function RunItem({ run, onSelect }: { run: Run; onSelect: () => void }) {
  const badge = runBadge(run, Date.now());
  return (
    <Command.Item value={`${run.name} ${run.number} ${run.workflow_definition.name}`} keywords={[run.id]} onSelect={onSelect} className="pal-item">
      <span className="muted num">#{run.number}</span>
      <span className="cut">{run.name}</span>
      <span className="end">
        <Badge state={badge.state} words={badge.words} />
      </span>
    </Command.Item>
  );
}
