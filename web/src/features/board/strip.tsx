/** A line of figures above the board: what works now, what it has cost, how it went lately. */
import { useQuery } from "@tanstack/react-query";
import { queries } from "~/api/queries";
import type { Run } from "~/api/types";
import { begin } from "~/features/insights/insights-model";
import { count, duration, money, timeOfDay } from "~/lib/format";
import { useNow } from "~/lib/now";
import { lately } from "./board-model";

const DAYS = 7;

export function Strip({ project, runs, hasOlder }: { project: string; runs: Run[] | undefined; hasOlder: boolean }) {
  const now = useNow();
  const { data: insights } = useQuery(queries.insights(project, begin(DAYS, now), "day"));
  if (!runs || !insights) return <div className="strip no-phone" />;
  const active = runs.flatMap((run) => (run.status === "running" ? run.steps.filter((step) => step.status === "running" && !step.waiting) : []));
  const limit = runs.find((run) => run.waiting?.reason === "usage_limit");
  const { runs: started, rate, median, tokens, today } = lately(insights, runs, hasOlder, now);
  return (
    <div className="strip no-phone">
      <span>
        <b className="num">{active.length}</b> {active.length === 1 ? "step" : "steps"} at work
      </span>
      <span>
        Today <b className="num">{money(today)}</b>
      </span>
      {limit ? (
        <span>
          Usage limit reached{limit.waiting?.until ? <>, resets <b className="num">{timeOfDay(limit.waiting.until)}</b></> : null}
          <span className="meter meter--warn">
            <i style={{ width: "100%" }} />
          </span>
        </span>
      ) : null}
      <span>
        {DAYS} days <b className="num">{started} runs</b>
        {rate === null ? null : (
          <>
            , <b className="num">{Math.round(rate * 100)} %</b> done
          </>
        )}
      </span>
      {median === null ? null : (
        <span>
          Median <b className="num">{duration(median)}</b>
        </span>
      )}
      {tokens > 0 ? (
        <span>
          <b className="num">{count(tokens)}</b> tokens
        </span>
      ) : null}
    </div>
  );
}
