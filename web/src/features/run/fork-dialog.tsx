/** A new run from here: from which step, and what should be different. */
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import type { Run } from "~/api/types";
import { useOrders } from "~/features/orders/use-orders";
import { plural } from "~/lib/format";
import { Button } from "~/ui/button";
import { Dialog } from "~/ui/dialog";

export function ForkDialog({ run, from = "", onClose }: { run: Run; from?: string; onClose: () => void }) {
  const orders = useOrders();
  const navigate = useNavigate();
  const [step, setStep] = useState(from);
  const [message, setMessage] = useState("");
  const [busy, setBusy] = useState(false);
  const steps = run.steps.filter((each) => !each.parent_step_id);
  const at = steps.findIndex((each) => each.step_id === step);
  const kept = at > 0 ? steps.slice(0, at).filter((each) => each.status === "completed").length : 0;
  const fork = async () => {
    setBusy(true);
    const made = await orders.fork(run, { ...(step ? { from_step: step } : {}), ...(message.trim() ? { message: message.trim() } : {}) });
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
          <Button kind="pri" icon="fork" busy={busy} onClick={() => void fork()}>
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
            {step ? `${plural(kept, "finished step")} before it ${kept === 1 ? "is" : "are"} taken over, with the files as they were then.` : "Every step runs again, with the same arguments."} This run stays as it is.
          </span>
        </div>
        <div className="field">
          <label htmlFor="fork-message">What should be different this time?</label>
          <textarea id="fork-message" className="input" rows={3} value={message} onChange={(event) => setMessage(event.target.value)} />
          <span className="hint">Stands at the head of every agent's prompt</span>
        </div>
      </div>
    </Dialog>
  );
}
