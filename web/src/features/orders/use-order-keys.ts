/** The keys that order a run about, wherever one is shown: `p` pauses or resumes, `x` asks whether to cancel. */
import type { Run } from "~/api/types";
import { useMe } from "~/features/project/use-project";
import { canCancel, canPause, canResume } from "~/lib/run-can";
import type { Shortcut } from "~/lib/shortcuts";
import { useToast } from "~/ui/toast";
import { useOrders } from "./use-orders";

/** For the run that is current when a key is pressed; why one does nothing is said. */
export function useOrderKeys(current: () => Run | undefined | null, ask: (run: Run) => void): Shortcut[] {
  const orders = useOrders();
  const me = useMe();
  const toast = useToast();
  return [
    {
      keys: "p",
      does: "Pause or resume",
      run: () => {
        const run = current();
        if (!run) return;
        const can = canPause(run, me);
        if (canResume(run, me) === true) void orders.resume(run);
        else if (can === true) void orders.pause(run);
        else toast({ title: can });
      },
    },
    {
      keys: "x",
      does: "Cancel (asks)",
      run: () => {
        const run = current();
        if (!run) return;
        const can = canCancel(run, me);
        if (can === true) ask(run);
        else toast({ title: can });
      },
    },
  ];
}
