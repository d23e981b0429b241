/** The definitions of the project: how they do, what is wrong with them, and their text. */
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { queries } from "~/api/queries";
import type { Definition, JsonSchema, Run } from "~/api/types";
import { useMe, useProject } from "~/features/project/use-project";
import { useRefresh } from "~/features/project/use-refresh";
import { useMedia } from "~/lib/media";
import { canStart } from "~/lib/run-can";
import { duration, money, phaseLabel, plural } from "~/lib/format";
import { useShortcuts } from "~/lib/shortcuts";
import { Badge } from "~/ui/badge";
import { Button } from "~/ui/button";
import { CopyButton } from "~/ui/copy";
import { Find } from "~/ui/find";
import { Icon } from "~/ui/icon";
import { Empty, Failure, Skeleton } from "~/ui/state";
import { Ago } from "~/ui/time";
import { Source } from "./source";
import { Rules, Runs } from "./template-facts";
import { figures, type Figures, usually } from "./template-model";

export function TemplatesPage() {
  const { project } = useProject();
  const me = useMe();
  const search = useSearch({ from: "__root__" });
  const navigate = useNavigate();
  const isNarrow = useMedia("(max-width: 720px)");
  const [q, setQ] = useState("");
  const [first, setFirst] = useState<string>();
  const definitions = useQuery(queries.definitions(project?.id ?? ""));
  const { data: board } = useQuery(queries.board(project?.id ?? ""));

  const all = definitions.data ?? [];
  const shown = all.filter((each) => `${each.name} ${each.key} ${each.description ?? ""}`.toLowerCase().includes(q.trim().toLowerCase()));
  // What is shown without having been chosen stays, also when it was shown for its errors and they are mended.
  const usual = all.find((each) => each.key === first) ?? all.find((each) => !each.is_valid) ?? all[0];
  if (usual && usual.key !== first) setFirst(usual.key);
  const open = all.find((each) => each.key === search.open) ?? (isNarrow || search.open ? undefined : usual);
  const run = (each: Definition) => void navigate({ to: ".", search: (before) => ({ ...before, new: each.key }) });
  const show = (each: Definition | null) => void navigate({ to: ".", search: (before) => ({ ...before, open: each?.key }), replace: true });
  const refresh = useRefresh();

  return (
    <main className="main" id="main">
      <header className="top">
        <h1>Templates</h1>
        <span className="m11 muted no-phone cut">.agent/workflows/definitions</span>
        <Button kind="ghost" size="sm" icon="retry" label="Read the folder again" onClick={() => void refresh()} />
        <span className="grow" />
        <Find label="Search templates" value={q} onChange={setQ} />
        <Button kind="pri" icon="plus" keys="C" can={canStart(null, me)} onClick={() => void navigate({ to: ".", search: (before) => ({ ...before, new: "pick" }) })}>
          New run
        </Button>
      </header>
      {definitions.error && !definitions.data ? (
        <Failure error={definitions.error} what="The list of definitions" retry={() => void definitions.refetch()} />
      ) : !definitions.data ? (
        <Skeleton rows={6} height={44} />
      ) : all.length === 0 ? (
        <Empty icon="templates" title="There is no definition yet" text="A definition is a YAML or TypeScript file in .agent/workflows/definitions. New files show up here by themselves." command="baton init" />
      ) : isNarrow ? (
        open ? (
          <div className="narrow-detail">
            <button type="button" className="back" onClick={() => show(null)}>
              <Icon name="right" className="flip" size="sm" /> All templates
            </button>
            <Detail key={open.id} definition={open} runs={board?.runs ?? []} />
          </div>
        ) : (
          <ul className="tpl-list">
            {shown.map((each) => (
              <li key={each.id}>
                <button type="button" className="tpl-b" onClick={() => show(each)}>
                  <span className="grow">
                    <span className="medium anywhere">{each.name}</span>
                    <span className="sub">{each.description}</span>
                    {usually(each.stats) ? <span className="sub num">{usually(each.stats)}</span> : null}
                    <Health definition={each} />
                  </span>
                  <Icon name="right" size="sm" />
                </button>
                <Button size="sm" icon="play" can={canStart(each, me)} onClick={() => run(each)}>
                  Run
                </Button>
              </li>
            ))}
          </ul>
        )
      ) : (
        <>
          <div className="tpl-table">
            <table>
              <thead>
                <tr>
                  <th>Name</th>
                  <th>File</th>
                  <th>Shape</th>
                  <th>Last runs</th>
                  <th className="ta-r">Done</th>
                  <th className="ta-r">Median</th>
                  <th className="ta-r">Cost</th>
                  <th>Last run</th>
                  <th>
                    <span className="sr">Run</span>
                  </th>
                </tr>
              </thead>
              <tbody>
                {shown.map((each) => (
                  <Row key={each.id} definition={each} runs={board?.runs ?? []} isOpen={each.id === open?.id} onOpen={() => show(each)} onRun={() => run(each)} />
                ))}
              </tbody>
            </table>
          </div>
          {open ? <Detail key={open.id} definition={open} runs={board?.runs ?? []} /> : null}
        </>
      )}
    </main>
  );
}

function Health({ definition }: { definition: Definition }) {
  const errors = definition.diagnostics.filter((each) => each.severity === "error").length;
  const warnings = definition.diagnostics.length - errors;
  if (errors > 0) return <Badge state="failed" words={plural(errors, "error")} />;
  if (warnings > 0) return <Badge state="retry" icon="warn" words={plural(warnings, "warning")} />;
  return null;
}

function Row({ definition, runs, isOpen, onOpen, onRun }: { definition: Definition; runs: Run[]; isOpen: boolean; onOpen: () => void; onRun: () => void }) {
  const me = useMe();
  const found = useMemo(() => figures(definition, runs), [definition, runs]);
  const phases = definition.phases.length;
  return (
    <tr aria-current={isOpen || undefined} onClick={onOpen}>
      <td className="tpl-name">
        <div className="row">
          <button type="button" className="tpl-open medium cut" aria-expanded={isOpen} onClick={onOpen}>
            {definition.name}
          </button>
          <Health definition={definition} />
        </div>
        <div className="t12 muted cut">{definition.description}</div>
      </td>
      <td>
        <span className="pill">{definition.type === "code" ? "ts" : "yaml"}</span>
      </td>
      <td className="soft">{definition.steps.length === 0 ? "" : `${phases > 0 ? `${plural(phases, "phase")}, ` : ""}${plural(definition.steps.length, "step")}`}</td>
      <td>
        <History found={found} />
      </td>
      <td className="ta-r num">{found.rate === null ? "" : `${Math.round(found.rate * 100)} %`}</td>
      <td className="ta-r num">{found.median === null ? "" : duration(found.median)}</td>
      <td className="ta-r num">{found.cost === null ? "" : money(found.cost)}</td>
      <td className="soft">
        {found.running > 0 ? `now, ${found.running} running` : found.last ? <Ago at={found.last} /> : <span className="muted">never</span>}
      </td>
      <td className="ta-r">
        <Button
          size="sm"
          icon="play"
          can={canStart(definition, me)}
          onClick={(event) => {
            event.stopPropagation();
            onRun();
          }}
        >
          Run
        </Button>
      </td>
    </tr>
  );
}

function History({ found }: { found: Figures }) {
  if (found.history.length === 0) return null;
  const words = found.history.map((each) => each.kind);
  return (
    <span className="hist" role="img" aria-label={`Last ${words.length} runs: ${words.filter((word) => word === "done").length} done, ${words.filter((word) => word === "failed").length} failed`}>
      {found.history.map((each, index) => (
        <i key={index} className={{ done: "", failed: "x", cancelled: "z", open: "r" }[each.kind]} style={{ height: `${each.height}%` }} />
      ))}
    </span>
  );
}

function Detail({ definition, runs }: { definition: Definition; runs: Run[] }) {
  const whole = useQuery(queries.definition(definition.id));
  const [error, setError] = useState(0);
  const found = whole.data?.diagnostics ?? definition.diagnostics;
  const bad = found.filter((each) => each.severity === "error");
  useShortcuts(bad.length > 0 ? [{ keys: "e", does: "Next error", run: () => setError((at) => (at + 1) % bad.length) }] : []);
  const active = runs.filter((run) => run.workflow_definition.key === definition.key && (run.status === "running" || run.status === "paused" || run.status === "pending")).length;
  const file = definition.path.split("/").at(-1) ?? definition.path;
  return (
    <div className="split">
      <section className="pane" aria-label={`Text of ${definition.name}`}>
        <div className="pane-h pane-h--tall">
          <h2 className="strong cut">{file}</h2>
          <Health definition={definition} />
          {definition.updated_at ? (
            <span className="muted t12 no-phone">
              saved <Ago at={definition.updated_at} />, checked by itself
            </span>
          ) : null}
          <span className="grow" />
          {bad.length > 0 ? (
            <Button size="sm" keys="E" onClick={() => setError((at) => (at + 1) % bad.length)}>
              Next error
            </Button>
          ) : null}
        </div>
        {whole.error && !whole.data ? <Failure error={whole.error} what="The text" /> : whole.data ? <Source text={whole.data.source ?? ""} diagnostics={found} goTo={bad[error % bad.length]} /> : <Skeleton rows={12} height={16} />}
      </section>
      <aside className="pane tpl-side">
        {bad.length > 0 ? (
          <div>
            <h3 className="eyebrow">Until it is mended</h3>
            <p className="soft">New runs are refused. {active > 0 ? `The ${plural(active, "run")} under way keep the text they started with.` : "Runs under way keep the text they started with."}</p>
          </div>
        ) : null}
        <Runs definition={definition} />
        {definition.phases.length > 0 ? (
          <div>
            <h3 className="eyebrow">Phases</h3>
            <dl className="kv">
              {definition.phases.map((phase) => (
                <div className="kv-row" key={phase}>
                  <dt className="medium">{phaseLabel(phase, definition.phase_labels)}</dt>
                  <dd className="soft">{definition.steps.filter((step) => step.phase === phase).map((step) => step.id).join(", ")}</dd>
                </div>
              ))}
            </dl>
          </div>
        ) : null}
        <div>
          <h3 className="eyebrow">Arguments</h3>
          <Arguments schema={definition.args_schema} />
        </div>
        <Rules definition={definition} />
        <div>
          <h3 className="eyebrow">File</h3>
          <dl className="kv">
            <div className="kv-row">
              <dt>Key</dt>
              <dd className="m11 anywhere">{definition.key}</dd>
            </div>
            <div className="kv-row">
              <dt>Path</dt>
              <dd className="row">
                <span className="m11 anywhere">{definition.path}</span>
                <CopyButton text={definition.path} label="Copy the path" />
              </dd>
            </div>
            {definition.hash ? (
              <div className="kv-row">
                <dt>Version</dt>
                <dd className="m11">{definition.hash.replace(/^\w+:/, "").slice(0, 12)}</dd>
              </div>
            ) : null}
          </dl>
        </div>
      </aside>
    </div>
  );
}

function Arguments({ schema }: { schema: JsonSchema | null }) {
  const all = Object.entries(schema?.properties ?? {});
  if (all.length === 0) return <p className="muted t12">none</p>;
  return (
    <dl className="kv">
      {all.map(([name, each]) => (
        <div className="kv-row" key={name}>
          <dt className="m11 anywhere">
            {name}
            {(schema?.required ?? []).includes(name) ? " *" : ""}
          </dt>
          <dd>{aboutArgument(each)}</dd>
        </div>
      ))}
    </dl>
  );
}

function aboutArgument(schema: JsonSchema): string {
  const kind = schema.enum ? schema.enum.map(String).join(", ") : ((Array.isArray(schema.type) ? schema.type.join(" or ") : schema.type) ?? "anything");
  const words = { string: "text", boolean: "yes or no", array: "list" }[kind] ?? kind;
  const usual = schema.default === undefined ? "" : `, ${JSON.stringify(schema.default).slice(0, 60)} unless told`;
  return `${words}${usual}`;
}
