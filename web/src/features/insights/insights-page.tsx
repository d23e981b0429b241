/** How runs went: by day, definition and agent, and what they waited for. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { queries } from "~/api/queries";
import type { Insights } from "~/api/types";
import { useProject } from "~/features/project/use-project";
import { count, duration, money, plural, sentence } from "~/lib/format";
import { useNow } from "~/lib/now";
import { Empty, Failure, Skeleton } from "~/ui/state";
import { Segmented } from "~/ui/tabs";
import { begin, type Day, everyDay } from "./insights-model";

const ranges = [
  { value: "7", label: "7 days" },
  { value: "30", label: "30 days" },
  { value: "90", label: "90 days" },
];

const waitWords: Record<string, string> = {
  approval: "Approvals",
  question: "Questions of agents",
  usage_limit: "Usage limits",
  timer: "Timers",
  retry: "Retries",
  remote: "Remote services",
  child: "Child runs",
  concurrency: "The queue",
  worker: "Workers",
  paused: "Paused",
};

export function InsightsPage() {
  const { project } = useProject();
  const [days, setDays] = useState("30");
  const now = useNow(false);
  const from = begin(Number(days), now);
  const byDefinition = useQuery(queries.insights(project?.id ?? "", from, "definition"));
  const { data: agents } = useQuery(queries.insights(project?.id ?? "", from, "agent"));
  const { data: daily } = useQuery(queries.insights(project?.id ?? "", from, "day"));
  const found = byDefinition.data;
  const each = everyDay(daily?.groups ?? [], Number(days), now);
  return (
    <main className="main" id="main">
      <header className="top">
        <h1>Insights</h1>
        <span className="grow" />
        <Segmented label="Time" value={days} options={ranges} onPick={setDays} />
      </header>
      {byDefinition.error && !found ? (
        <Failure error={byDefinition.error} what="The figures" retry={() => void byDefinition.refetch()} />
      ) : !found ? (
        <Skeleton rows={8} height={40} />
      ) : found.runs === 0 ? (
        <Empty icon="insights" title="Nothing has run in this time" text="Figures come by themselves with the runs." command="baton run hello" />
      ) : (
        <div className="ins" tabIndex={0} role="region" aria-label="Figures">
          <div className="ins-in">
            <dl className="figures">
              <Figure name="Runs" value={found.runs.toLocaleString("en-US")} />
              <Figure name="Done" value={found.success_rate === null ? "none ended" : `${Math.round(found.success_rate * 100)} %`} about="of those that ended" />
              <Figure name="Median" value={found.median_ms === null ? "none done" : duration(found.median_ms)} about="from start to done" />
              <Figure name="Cost" value={money(found.cost_usd)} about={found.tokens > 0 ? `${count(found.tokens)} tokens` : "no tokens used"} />
            </dl>
            <section className="ins-card">
              <h2>Runs a day</h2>
              <Days days={each} />
            </section>
            <div className="ins-two">
              <section className="ins-card">
                <h2>What they waited for</h2>
                <Waits waits={found.waiting} />
              </section>
              <section className="ins-card">
                <h2>Cost a day</h2>
                <Costs days={each} />
              </section>
            </div>
            <section className="ins-card">
              <h2>By definition</h2>
              <Table groups={found.groups} />
            </section>
            {agents && agents.groups.length > 0 ? (
              <section className="ins-card">
                <h2>By agent</h2>
                <Table groups={agents.groups} />
              </section>
            ) : null}
            {found.is_complete ? null : <p className="muted t12">There were more runs than are counted: these figures are of the newest {count(found.runs)}.</p>}
          </div>
        </div>
      )}
    </main>
  );
}

function Figure({ name, value, about }: { name: string; value: string; about?: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        <span className="fig num">{value}</span>
        {about ? <span className="muted t12">{about}</span> : null}
      </dd>
    </div>
  );
}

const dayName = (key: string) => new Date(key).toLocaleDateString(undefined, { day: "numeric", month: "short", timeZone: "UTC" });

function Days({ days }: { days: Day[] }) {
  const most = Math.max(1, ...days.map((day) => day.completed + day.failed + day.other));
  const total = days.reduce((sum, day) => sum + day.completed + day.failed + day.other, 0);
  return (
    <>
      <div className="days" role="img" aria-label={`${plural(total, "run")} in ${days.length} days, at most ${most} on one`}>
        {days.map((day) => (
          <span key={day.key} className="day" title={`${dayName(day.key)}: ${day.completed} done, ${day.failed} failed, ${day.other} others`}>
            <i className="day-o" style={{ height: `${(day.other / most) * 100}%` }} />
            <i className="day-f" style={{ height: `${(day.failed / most) * 100}%` }} />
            <i className="day-d" style={{ height: `${(day.completed / most) * 100}%` }} />
          </span>
        ))}
      </div>
      <div className="days-x muted t11">
        <span>{days[0] ? dayName(days[0].key) : ""}</span>
        <span className="legend">
          <span>
            <i className="day-d" /> done
          </span>
          <span>
            <i className="day-f" /> failed
          </span>
          <span>
            <i className="day-o" /> others
          </span>
        </span>
        <span>today</span>
      </div>
    </>
  );
}

function Costs({ days }: { days: Day[] }) {
  const most = Math.max(0.01, ...days.map((day) => day.cost));
  const total = days.reduce((sum, day) => sum + day.cost, 0);
  if (total === 0) return <p className="muted">Nothing has cost anything.</p>;
  return (
    <>
      <div className="days days--low" role="img" aria-label={`${money(total)} in ${days.length} days, at most ${money(most)} on one`}>
        {days.map((day) => (
          <span key={day.key} className="day" title={`${dayName(day.key)}: ${money(day.cost)}`}>
            <i className="day-o" style={{ height: `${(day.cost / most) * 100}%` }} />
          </span>
        ))}
      </div>
      <div className="days-x muted t11">
        <span>{days[0] ? dayName(days[0].key) : ""}</span>
        <span>most on a day {money(most)}</span>
        <span>today</span>
      </div>
    </>
  );
}

function Waits({ waits }: { waits: Insights["waiting"] }) {
  const most = Math.max(1, ...waits.map((wait) => wait.ms));
  if (waits.length === 0) return <p className="muted">They have waited for nothing.</p>;
  return (
    <dl className="waits">
      {waits.slice(0, 8).map((wait) => (
        <div key={wait.reason}>
          <dt>{waitWords[wait.reason] ?? sentence(wait.reason)}</dt>
          <dd>
            <span className="waits-b" aria-hidden="true">
              <i data-s={wait.reason} style={{ width: `${Math.max(1.5, (wait.ms / most) * 100)}%` }} />
            </span>
            <span className="num">{duration(wait.ms)}</span>
          </dd>
        </div>
      ))}
    </dl>
  );
}

function Table({ groups }: { groups: Insights["groups"] }) {
  return (
    <div className="ins-table" tabIndex={0} role="region" aria-label="Runs by name">
      <table>
        <thead>
          <tr>
            <th>Name</th>
            <th className="ta-r">Runs</th>
            <th className="ta-r">Done</th>
            <th className="ta-r">Failed</th>
            <th className="ta-r">Median</th>
            <th className="ta-r">9 of 10 under</th>
            <th className="ta-r">Tokens</th>
            <th className="ta-r">Cost</th>
          </tr>
        </thead>
        <tbody>
          {groups.map((each) => (
            <tr key={each.key}>
              <td className="medium ins-name cut" title={each.label}>
                {each.label}
              </td>
              <td className="ta-r num">{each.runs}</td>
              <td className="ta-r num">{each.success_rate === null ? "" : `${Math.round(each.success_rate * 100)} %`}</td>
              <td className="ta-r num">{each.failed || ""}</td>
              <td className="ta-r num">{each.median_ms === null ? "" : duration(each.median_ms)}</td>
              <td className="ta-r num">{each.p90_ms === null ? "" : duration(each.p90_ms)}</td>
              <td className="ta-r num">{each.tokens ? count(each.tokens) : ""}</td>
              <td className="ta-r num">{each.cost_usd ? money(each.cost_usd) : ""}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
