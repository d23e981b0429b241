/** What can be done with a run from its card. */
import { type ReactElement, useState } from "react";
import type { Run } from "~/api/types";
import { useMe } from "~/features/project/use-project";
import { useOrders } from "~/features/orders/use-orders";
import { canCancel, canDelete, canPause, canResume, canRetry } from "~/lib/run-can";
import { Confirm } from "~/ui/dialog";
import { Icon } from "~/ui/icon";
import { Menu } from "~/ui/menu";

/** A button; the menu is built when it is first wanted, because a board has a thousand of them. */
export function CardMenu({ run }: { run: Run }) {
  const [isWanted, setWanted] = useState(false);
  const button = (
    <button type="button" className="card-more" tabIndex={-1} aria-label={`More for ${run.name}`} aria-haspopup="menu" onClick={() => setWanted(true)}>
      <Icon name="more" size="sm" />
    </button>
  );
  return isWanted ? <Open run={run} trigger={button} /> : button;
}

function Open({ run, trigger }: { run: Run; trigger: ReactElement }) {
  const orders = useOrders();
  const me = useMe();
  const [asking, setAsking] = useState<"cancel" | "delete" | null>(null);
  const resumes = run.status === "paused" || (run.pause_requested_at !== null && run.status === "running");
  return (
    <>
      <Menu
        align="end"
        label={`What to do with ${run.name}`}
        trigger={trigger}
        startsOpen
        items={[
          resumes
            ? { key: "resume", label: "Resume", icon: "play", can: canResume(run, me), onSelect: () => void orders.resume(run) }
            : { key: "pause", label: "Pause", icon: "pause", can: canPause(run, me), onSelect: () => void orders.pause(run) },
          { key: "retry", label: "Retry", icon: "retry", can: canRetry(run, me), onSelect: () => void orders.retry(run) },
          { key: "cancel", label: "Cancel…", icon: "stop", bad: true, can: canCancel(run, me), onSelect: () => setAsking("cancel") },
          "line",
          { key: "delete", label: "Delete…", icon: "trash", bad: true, can: canDelete(run, me), onSelect: () => setAsking("delete") },
        ]}
      />
      <CancelDialog run={run} open={asking === "cancel"} onClose={() => setAsking(null)} />
      <Confirm
        open={asking === "delete"}
        onClose={() => setAsking(null)}
        onConfirm={() => void orders.remove(run)}
        title={`Delete run ${run.number}?`}
        text="Its thread, logs, checkpoints and files are removed. Its branch stays in git. This cannot be taken back."
        act="Delete run"
        bad
      />
    </>
  );
}

export function CancelDialog({ run, open, onClose }: { run: Run; open: boolean; onClose: () => void }) {
  const orders = useOrders();
  return (
    <Confirm
      open={open}
      onClose={onClose}
      onConfirm={() => void orders.cancel(run)}
      title={`Cancel run ${run.number}?`}
      text="Its processes are ended; it says cancelled only when none is left. Checkpoints, thread and branch stay, and it can be retried."
      act="Cancel run"
      bad
    />
  );
}
