/** A new run from here: from which step, and what should be different. */
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { queries } from "~/api/queries";
import type { Run } from "~/api/types";
import { useOrders } from "~/features/orders/use-orders";
import { useMe } from "~/features/project/use-project";
import { Field } from "~/features/start/field";
import { plural } from "~/lib/format";
import { canFork } from "~/lib/run-can";
import { filled, pointerTo, problems } from "~/lib/schema";
import { Button } from "~/ui/button";
import { Dialog } from "~/ui/dialog";

export function ForkDialog({ run, from = "", onClose }: { run: Run; from?: string; onClose: () => void }) {
  const orders = useOrders();
  const navigate = useNavigate();
  const [step, setStep] = useState(from);
  const [message, setMessage] = useState("");
  const [busy, setBusy] = useState(false);
  const me = useMe();
  const { data: definitions } = useQuery(queries.definitions(run.project_id));
  const schema = definitions?.find((each) => each.key === run.workflow_definition.key)?.args_schema ?? null;
  const properties = Object.entries(schema?.properties ?? {});
  const [name, setName] = useState(run.name);
  const [args, setArgs] = useState<Record<string, unknown>>(run.args ?? {});
  const [isOther, setOther] = useState(false);
  const sent = useMemo(() => (schema ? (filled(schema, args) as Record<string, unknown>) : args), [schema, args]);
  const wrong = useMemo(() => (schema && isOther ? problems(schema, sent) : []), [schema, isOther, sent]);
  // The same arguments are taken over as they were read.
  const areOther = isOther && JSON.stringify(sent) !== JSON.stringify(run.args ?? {});
  const steps = run.steps.filter((each) => !each.parent_step_id);
  const at = steps.findIndex((each) => each.step_id === step);
  const kept = at > 0 ? steps.slice(0, at).filter((each) => each.status === "completed").length : 0;
  const fork = async () => {
    setBusy(true);
    const made = await orders.fork(run, {
      ...(step ? { from_step: step } : {}),
      ...(message.trim() ? { message: message.trim() } : {}),
      ...(name.trim() && name.trim() !== run.name ? { name: name.trim() } : {}),
      ...(areOther ? { args: sent } : {}),
    });
    setBusy(false);
    if (!made) return;
    onClose();
    void navigate({ to: "/runs/$run/$tab", params: { run: String(made.number), tab: "conversation" } });
  };
  return (
    <Dialog
      open
      onClose={onClose}
      size="sm"
      title={`Fork run ${run.number}`}
      footer={
        <>
          <span className="grow" />
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="pri" icon="fork" busy={busy} can={canFork(run, me) !== true ? canFork(run, me) : wrong.length > 0 ? "An argument needs a change" : true} onClick={() => void fork()}>
            Fork and run
          </Button>
        </>
      }
    >
      <div className="dialog-b fields">
        <div className="field">
          <label htmlFor="fork-from">From</label>
          <select id="fork-from" className="input" value={step} onChange={(event) => setStep(event.target.value)}>
            <option value="">The beginning</option>
            {steps.map((each) => (
              <option key={each.id} value={each.step_id}>
                {each.name}
              </option>
            ))}
          </select>
          <span className="hint">
            {step ? `${plural(kept, "finished step")} before it ${kept === 1 ? "is" : "are"} taken over, with the files as they were then.` : "Every step runs again."} This run stays as it is.
          </span>
        </div>
        <div className="field">
          <label htmlFor="fork-message">What should be different this time?</label>
          <textarea id="fork-message" className="input" rows={3} value={message} onChange={(event) => setMessage(event.target.value)} />
          <span className="hint">Stands at the head of every agent's prompt</span>
        </div>
        <div className="field">
          <label htmlFor="fork-name">Name of the run</label>
          <input id="fork-name" className="input" value={name} maxLength={200} onChange={(event) => setName(event.target.value)} />
        </div>
        {properties.length > 0 ? (
          <details className="more-fields" onToggle={(event) => setOther(event.currentTarget.open)}>
            <summary>Other arguments</summary>
            <div className="fields">
              {properties.map(([property, each]) => (
                <Field
                  key={property}
                  name={property}
                  schema={each}
                  pointer={pointerTo("", property)}
                  required={(schema?.required ?? []).includes(property)}
                  value={args[property]}
                  problems={wrong}
                  onChange={(value) => setArgs((before) => ({ ...before, [property]: value }))}
                  onLeave={() => undefined}
                />
              ))}
            </div>
          </details>
        ) : null}
      </div>
    </Dialog>
  );
}
