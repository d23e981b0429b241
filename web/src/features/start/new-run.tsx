/** Starts a run: a form made from the definition's args schema, checked while one types. */
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useEffect, useMemo, useRef, useState } from "react";
import { Problem, write } from "~/api/client";
import { endpoints } from "~/api/endpoints";
import { queries } from "~/api/queries";
import type { Definition, Project, Run } from "~/api/types";
import { wish } from "~/features/orders/use-orders";
import { useMe } from "~/features/project/use-project";
import { duration, money, phaseLabel, plural } from "~/lib/format";
import { canAct } from "~/lib/run-can";
import { commandLine, type FieldProblem, filled, initial, labelOf, problems } from "~/lib/schema";
import { shown } from "~/lib/shortcuts";
import { AgentTag } from "~/ui/badge";
import { Button } from "~/ui/button";
import { Copy } from "~/ui/copy";
import { Dialog } from "~/ui/dialog";
import { Icon } from "~/ui/icon";
import { Pick } from "~/ui/menu";
import { Empty, Skeleton } from "~/ui/state";
import { Segmented } from "~/ui/tabs";
import { draftOf, dropDraft, keepDraft } from "./drafts";
import { Field } from "./field";

interface Props {
  project: Project;
  definition: string | undefined;
  onClose: () => void;
}

export default function NewRun({ project, definition: wanted, onClose }: Props) {
  const { data: definitions, isPending } = useQuery(queries.definitions(project.id));
  const [key, setKey] = useState(wanted);
  const valid = (definitions ?? []).filter((each) => each.is_valid);
  const definition = (definitions ?? []).find((each) => each.key === key) ?? (valid.length === 1 ? valid[0] : undefined);

  if (!definition) {
    return (
      <Dialog open onClose={onClose} title="New run" about="Choose a definition">
        {isPending ? (
          <Skeleton />
        ) : (definitions ?? []).length === 0 ? (
          <Empty icon="templates" title="There is no definition yet" text="New files show up here by themselves." command="baton init" />
        ) : (
          <ul className="choose">
            {(definitions ?? []).map((each) => (
              <li key={each.id}>
                <button type="button" className="choose-b" aria-disabled={!each.is_valid} onClick={() => each.is_valid && setKey(each.key)}>
                  <span className="grow">
                    <span className="medium">{each.name}</span>
                    <span className="sub cut">{each.is_valid ? (each.description ?? each.key) : "It has errors: see Templates"}</span>
                  </span>
                  <span className="pill">{each.type === "code" ? "ts" : "yaml"}</span>
                  <Icon name="right" size="sm" />
                </button>
              </li>
            ))}
          </ul>
        )}
      </Dialog>
    );
  }
  return <Form key={definition.id} project={project} definition={definition} all={valid} onPick={setKey} onClose={onClose} />;
}

type Mode = "default" | "stay" | "branch" | "worktree";

function Form({ project, definition, all, onPick, onClose }: { project: Project; definition: Definition; all: Definition[]; onPick: (key: string) => void; onClose: () => void }) {
  const me = useMe();
  const navigate = useNavigate();
  const schema = definition.args_schema ?? { type: "object", properties: {} };
  const draftKey = `${project.id}/${definition.id}/${definition.hash}`;
  const [draft] = useState(() => draftOf(draftKey));
  const [args, setArgs] = useState<unknown>(() => draft?.args ?? initial(schema) ?? {});
  const [name, setName] = useState(draft?.name ?? "");
  const [mode, setMode] = useState<Mode>("default");
  const [usd, setUsd] = useState(draft?.usd ?? "");
  const [minutes, setMinutes] = useState(draft?.minutes ?? "");
  const [tokens, setTokens] = useState(draft?.tokens ?? "");
  const [touched, setTouched] = useState<Set<string>>(new Set());
  const [tried, setTried] = useState(false);
  const [refused, setRefused] = useState<{ args: string; problems: FieldProblem[]; detail: string } | null>(null);
  const [busy, setBusy] = useState(false);
  const once = useRef(wish());
  const body = useRef<HTMLDivElement>(null);

  const sent = useMemo(() => filled(schema, args) as Record<string, unknown>, [schema, args]);
  const state = JSON.stringify(sent);
  const wrong = useMemo(() => problems(schema, sent), [schema, sent]);
  const fromServer = refused?.args === state ? refused.problems : [];
  const shownProblems = [...wrong, ...fromServer].filter((problem) => tried || touched.has(problem.pointer) || fromServer.includes(problem));
  const inSummary = tried ? shownProblems : fromServer;
  const properties = Object.entries(schema.properties ?? {});

  useEffect(() => {
    keepDraft(draftKey, schema, { args, name, usd, minutes, tokens });
  }, [draftKey, schema, args, name, usd, minutes, tokens]);

  // What is asked has changed, so a new try is a new wish.
  useEffect(() => {
    once.current = wish();
  }, [state, name, mode, usd, minutes, tokens]);

  const start = async () => {
    if (canAct(me) !== true) return;
    setTried(true);
    if (wrong.length > 0) {
      goTo(wrong[0]!.pointer);
      return;
    }
    setBusy(true);
    try {
      const budget = { ...(usd ? { usd: Number(usd) } : {}), ...(minutes ? { minutes: Number(minutes) } : {}), ...(tokens ? { tokens: Number(tokens) } : {}) };
      const { data } = await write<{ data: Run }>(
        "POST",
        endpoints.runs(),
        {
          project_id: project.id,
          definition: definition.key,
          args: sent,
          ...(name.trim() ? { name: name.trim() } : {}),
          ...(mode === "default" ? {} : { worktree: mode }),
          ...(Object.keys(budget).length > 0 ? { budget } : {}),
        },
        once.current,
      );
      dropDraft(draftKey);
      void navigate({ to: "/runs/$run/$tab", params: { run: String(data.number), tab: "conversation" } });
    } catch (error) {
      const problem = error instanceof Problem ? error : null;
      const found = (problem?.errors ?? []).map((each) => ({ ...each, pointer: each.pointer.replace(/^\/args/, "") }));
      setRefused({ args: state, problems: found, detail: problem?.detail ?? "It did not start." });
      setBusy(false);
      if (found[0]) goTo(found[0].pointer);
    }
  };

  const goTo = (pointer: string) => {
    const field = body.current?.querySelector<HTMLElement>(`[data-pointer="${CSS.escape(pointer)}"]`);
    (field?.querySelector<HTMLElement>("input, textarea, button, select") ?? field)?.focus();
    field?.scrollIntoView({ block: "center" });
  };

  return (
    <Dialog
      open
      onClose={onClose}
      size="lg"
      title="New run"
      about={`Start ${definition.name}`}
      head={
        <>
          <Pick label="Definition" value={definition.key} options={all.map((each) => ({ value: each.key, label: each.name }))} onPick={onPick} />
          <span className="pill no-phone">
            {definition.type === "code" ? "ts" : "yaml"} {definition.hash?.replace(/^\w+:/, "").slice(0, 6)}
          </span>
        </>
      }
      footer={
        <>
          <span className="muted t12 no-phone">Checked against the schema while you type</span>
          <span className="grow" />
          <Button onClick={onClose} keys="Esc">
            Cancel
          </Button>
          <Button kind="pri" icon="play" busy={busy} can={canAct(me)} onClick={() => void start()} keys={shown("mod+Enter")}>
            Start run
          </Button>
        </>
      }
    >
      <div
        className="form2"
        ref={body}
        onKeyDown={(event) => {
          if (event.key === "Enter" && (event.metaKey || event.ctrlKey)) {
            event.preventDefault();
            void start();
          }
        }}
      >
        <div className="fields">
          {inSummary.length > 0 || (refused && refused.args === state && fromServer.length === 0) ? (
            <div className="sum" role="alert">
              <Icon name="warn" />
              <span>
                {inSummary.length === 0 ? (
                  refused?.detail
                ) : (
                  <>
                    <b className="strong">{inSummary.length === 1 ? "One field needs a change." : `${inSummary.length} fields need a change.`}</b>{" "}
                    {inSummary.slice(0, 6).map((problem) => (
                      <button key={problem.pointer} type="button" className="sum-b" onClick={() => goTo(problem.pointer)}>
                        {nameOf(problem.pointer)}
                      </button>
                    ))}
                  </>
                )}
              </span>
            </div>
          ) : null}
          {properties.length === 0 ? <p className="muted">This definition takes no arguments.</p> : null}
          {properties.map(([property, each], index) => (
            <Field
              key={property}
              name={property}
              schema={each}
              pointer={`/${property.replaceAll("~", "~0").replaceAll("/", "~1")}`}
              required={(schema.required ?? []).includes(property)}
              value={(args as Record<string, unknown>)[property]}
              problems={shownProblems}
              autoFocus={index === 0}
              onChange={(value) => setArgs((before: unknown) => ({ ...(before as object), [property]: value }))}
              onLeave={(pointer) => setTouched((before) => (before.has(pointer) ? before : new Set(before).add(pointer)))}
            />
          ))}
          <div className="two form-more">
            <div className="field">
              <label htmlFor="run-name">Name of the run</label>
              <input id="run-name" className="input" value={name} maxLength={200} placeholder={definition.name} onChange={(event) => setName(event.target.value)} />
            </div>
            <div className="field">
              <span className="lab" id="pause-at">
                Pause at
              </span>
              <div className="row">
                <input className="input num" aria-label="Dollars at which it pauses" inputMode="decimal" placeholder="$" value={usd} onChange={(event) => setUsd(event.target.value.replace(/[^\d.]/g, ""))} />
                <input className="input num" aria-label="Tokens at which it pauses" inputMode="numeric" placeholder="tokens" value={tokens} onChange={(event) => setTokens(event.target.value.replace(/\D/g, ""))} />
                <input className="input num" aria-label="Minutes at which it pauses" inputMode="decimal" placeholder="minutes" value={minutes} onChange={(event) => setMinutes(event.target.value.replace(/[^\d.]/g, ""))} />
              </div>
              <span className="hint">Parks the run, loses nothing</span>
            </div>
          </div>
          <div className="field">
            <span className="lab">Work in</span>
            <Segmented<Mode>
              label="Work in"
              value={mode}
              onPick={setMode}
              options={[
                { value: "default", label: "As defined" },
                { value: "stay", label: "Here" },
                { value: "branch", label: "Branch" },
                { value: "worktree", label: "Worktree" },
              ]}
            />
            <span className="hint">{modeHint[mode]}</span>
          </div>
        </div>
        <aside className="fields">
          <Plan definition={definition} />
          {definition.stats?.median_ms ? (
            <div className="form-part">
              <div className="eyebrow">From {plural(definition.stats.completed, "run")} like this</div>
              <dl className="kv">
                {definition.stats.median_ms ? (
                  <>
                    <dt>Usually</dt>
                    <dd className="num medium">
                      {duration(definition.stats.median_ms)}
                      {definition.stats.median_cost_usd ? `, ${money(definition.stats.median_cost_usd)}` : ""}
                    </dd>
                  </>
                ) : null}
              </dl>
            </div>
          ) : null}
          <div className="form-part">
            <div className="eyebrow">The same from a terminal</div>
            <Copy text={commandLine(definition.key, sent)} />
          </div>
        </aside>
      </div>
    </Dialog>
  );
}

const modeHint: Record<Mode, string> = {
  default: "A worktree of its own when agents work, else here",
  stay: "In the project's directory: files are not restored by a rewind",
  branch: "On a new branch in your checkout, which must be clean",
  worktree: "Your files stay as they are",
};

function nameOf(pointer: string): string {
  const parts = pointer.split("/").filter(Boolean).map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
  return parts.length === 0 ? "The arguments" : parts.map((part) => labelOf(part, {})).join(", ");
}

function Plan({ definition }: { definition: Definition }) {
  let phase: string | null = null;
  return (
    <div>
      <div className="eyebrow">What will run</div>
      <ul className="plan">
        {definition.steps.slice(0, 40).map((step) => {
          const isFirst = step.phase !== phase;
          phase = step.phase;
          return (
            <li key={step.id}>
              <span className="t12 muted cut">{isFirst && step.phase ? phaseLabel(step.phase, definition.phase_labels) : ""}</span>
              <span className="medium t12 cut" title={step.name}>
                {step.name}
              </span>
              {step.type === "approval" ? (
                <span className="agent plan-you">
                  <Icon name="baton" size="sm" />
                  you
                </span>
              ) : (
                <AgentTag agent={step.agent ?? step.type} />
              )}
            </li>
          );
        })}
        {definition.steps.length > 40 ? <li className="muted t12">and {definition.steps.length - 40} more</li> : null}
      </ul>
    </div>
  );
}
