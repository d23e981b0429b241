/** What stands where the steps of a run would, when it has none: a program says them as it comes to them. */
import type { Run } from "~/api/types";
import { isOver } from "~/lib/run-state";
import { Empty } from "~/ui/state";

export function NoSteps({ run }: { run: Run }) {
  const text = isOver(run) ? (run.error_message ?? "It ended before its first.") : "They stand here as its program comes to them.";
  return <Empty icon={isOver(run) && run.error_message ? "warn" : "queued"} title="No step has begun" text={text} />;
}
