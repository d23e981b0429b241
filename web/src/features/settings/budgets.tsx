/** Budgets: how they are set, and the runs that reached theirs. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { queries } from "~/api/queries";
import { useProject } from "~/features/project/use-project";
import { spent } from "~/lib/budget";
import { money, plural } from "~/lib/format";
import { paths } from "~/lib/paths";
import { Ago } from "~/ui/time";
import { Part } from "./part";

export function Budgets() {
  const { project } = useProject();
  const { data: board } = useQuery(queries.board(project?.id ?? ""));
  const reached = (board?.runs ?? []).filter((run) => run.status === "paused" && run.pause_reason === "budget");
  return (
    <Part title="Budgets" text="A budget parks a run instead of throwing its work away: it is paused, and resuming grants the budget once more. A definition sets it, and so can the form that starts a run.">
      <pre className="block">{"budget: {usd: 5, tokens: 2000000, minutes: 120}"}</pre>
      <p className="soft">{reached.length === 0 ? "No run has reached its budget." : `${plural(reached.length, "run has", "runs have")} reached it and wait for you.`}</p>
      {reached.length > 0 ? (
        <ul className="set-list">
          {reached.map((run) => (
            <li key={run.id}>
              <Link to={paths.run(run.number, "overview")} className="link grow cut">
                #{run.number} {run.name}
              </Link>
              <span className="muted num">{spent(run, 0).filter((each) => each.kind !== "minutes").map((each) => `${each.used} of ${each.of}`).join(", ") || money(run.cost_usd)}</span>
              <Ago at={run.paused_at ?? run.updated_at} />
            </li>
          ))}
        </ul>
      ) : null}
    </Part>
  );
}
