/** Going back to a checkpoint, in place: what it costs, and what is kept. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { queries } from "~/api/queries";
import type { Checkpoint, Run } from "~/api/types";
import { useMe } from "~/features/project/use-project";
import { useOrders } from "~/features/orders/use-orders";
import { ForkDialog } from "~/features/run/fork-dialog";
import { duration, money, plural } from "~/lib/format";
import { canFork, canRewind } from "~/lib/run-can";
import { Button } from "~/ui/button";
import { Icon } from "~/ui/icon";
import { At } from "~/ui/time";

export function Rewind({ run, checkpoint, name, onClose }: { run: Run; checkpoint: Checkpoint; name: string; onClose: () => void }) {
  const orders = useOrders();
  const me = useMe();
  const preview = useQuery(queries.rewind(run.id, String(checkpoint.number)));
  const [message, setMessage] = useState("");
  const [busy, setBusy] = useState(false);
  const [forking, setForking] = useState(false);
  const steps = preview.data?.steps ?? [];
  const ms = steps.reduce((sum, step) => sum + (step.started_at && step.completed_at ? Date.parse(step.completed_at) - Date.parse(step.started_at) : 0), 0);
  const cost = steps.reduce((sum, step) => sum + (step.session?.cost_usd ?? 0), 0);
  const rewind = async () => {
    setBusy(true);
    const done = await orders.resume(run, { checkpoint: checkpoint.number, ...(message.trim() ? { message: message.trim() } : {}) });
    setBusy(false);
    if (done) onClose();
  };
  // The step that comes first of those that would run again.
  const first = steps[0]?.step_id ?? "";
  return (
    <div className="rw">
      <div className="cp in">
        <span className="pip" aria-hidden="true" />
        <span className="medium cut">{name}</span>
        <At at={checkpoint.created_at} />
        <span className="sub m11">{checkpoint.commit?.slice(0, 7)}</span>
      </div>
      {preview.error ? (
        <p className="rw-p is-bad">{preview.error.message}</p>
      ) : !preview.data ? (
        <p className="rw-p muted">Looking what would be undone…</p>
      ) : (
        <ul>
          <li>
            <Icon name="file" />
            {preview.data.restores_files ? `${plural(preview.data.files_count, "file")} ${preview.data.files_count === 1 ? "goes" : "go"} back${checkpoint.commit ? ` to ${checkpoint.commit.slice(0, 7)}` : ""}` : preview.data.detail}
          </li>
          {preview.data.files.length > 0 ? (
            <li className="rw-files">
              <span />
              <details>
                <summary>Which ones</summary>
                {preview.data.files.slice(0, 100).map((file) => (
                  <span key={file.path} className="m11 cut block-line">
                    {file.path} <span className="plus">+{file.insertions ?? 0}</span> <span className="minus">−{file.deletions ?? 0}</span>
                  </span>
                ))}
              </details>
            </li>
          ) : null}
          <li>
            <Icon name="retry" />
            <span>
              {steps.length === 0 ? (
                "No finished step is undone"
              ) : (
                <>
                  {plural(steps.length, "step")} {steps.length === 1 ? "runs" : "run"} again
                  {ms > 0 ? (
                    <>
                      , about <b className="medium">{duration(ms)}</b>
                    </>
                  ) : null}
                  {cost > 0 ? (
                    <>
                      , <b className="medium">{money(cost)}</b>
                    </>
                  ) : null}
                  : {steps.slice(0, 6).map((step) => step.name).join(", ")}
                  {steps.length > 6 ? " …" : ""}
                </>
              )}
            </span>
          </li>
          <li>
            <Icon name="fork" />
            The work so far stays as a checkpoint in git
          </li>
          <li>
            <Icon name="message" />
            The conversation is kept
          </li>
        </ul>
      )}
      <textarea className="input" rows={2} aria-label="What should be different this time?" placeholder="What should be different this time?" value={message} onChange={(event) => setMessage(event.target.value)} />
      <div className="f">
        <Button kind="pri" size="sm" icon="rewind" busy={busy} can={preview.data ? canRewind(run, me) : "Looking what would be undone"} onClick={() => void rewind()}>
          Rewind and run
        </Button>
        <Button size="sm" can={canFork(run, me)} onClick={() => setForking(true)}>
          Fork instead
        </Button>
        <span className="grow" />
        <Button kind="ghost" size="sm" icon="close" label="Leave it" onClick={onClose} />
      </div>
      {canRewind(run, me) === true ? null : <p className="rw-p muted t12">{canRewind(run, me)}</p>}
      {forking ? <ForkDialog run={run} from={first} onClose={() => setForking(false)} /> : null}
    </div>
  );
}
