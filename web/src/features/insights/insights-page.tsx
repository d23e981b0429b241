/** How runs went: by day, definition and agent, and what they waited for. */
import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { queries } from "~/api/queries";
import { useProject } from "~/features/project/use-project";
import { count, duration, money, plural, sentence } from "~/lib/format";
import { useNow } from "~/lib/now";
import { Empty, Failure, Skeleton } from "~/ui/state";
import { Segmented } from "~/ui/tabs";
import { type Day, type Group, insights } from "./insights-model";

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
  const runs = useQuery(queries.history(project?.id ?? ""));
  const found = useMemo(() => insights(runs.data ?? [], Number(days), now), [runs.data, days, now]);
  return (
    <main className="main" id="main">
      <header className="top">
        <h1>Insights</h1>
        <span className="grow" />
        <Segmented label="Time" value={days} options={ranges} onPick={setDays} />
      </header>
      {runs.error && !runs.data ? (
        <Failure error={runs.error} what="The figures" retry={() => void runs.refetch()} />
      ) : !runs.data ? (
        <Skeleton rows={8} height={40} />
      ) : found.runs === 0 ? (
        <Empty icon="insights" title="Nothing has run in this time" text="Figures come by themselves with the runs." command="baton run hello" />
      ) : (
        <div className="ins" tabIndex={0} role="region" aria-label="Figures">
          <div className="ins-in">
            <dl className="figures">
              <Figure name="Runs" value={found.runs.toLocaleString("en-US")} />
              <Figure name="Done" value={found.rate === null ? "none ended" : `${Math.round(found.rate * 100)} %`} about="of those that ended" />
              <Figure name="Median" value={found.medianMs === null ? "none done" : duration(found.medianMs)} about="from start to done" />
              <Figure name="Cost" value={money(found.cost)} about={found.tokens > 0 ? `${count(found.tokens)} tokens` : "no tokens used"} />
            </dl>
            <section className="ins-card">
              <h2>Runs a day</h2>
              <Days days={found.days} />
            </section>
            <div className="ins-two">
              <section className="ins-card">
                <h2>What they waited for</h2>
                <Waits waits={found.waits} />
              </section>
              <section className="ins-card">
                <h2>Cost a day</h2>
                <Costs days={found.days} />
              </section>
            </div>
            <section className="ins-card">
              <h2>By definition</h2>
              <Table groups={found.definitions} unit="Runs" />
            </section>
            {found.agents.length > 0 ? (
              <section className="ins-card">
                <h2>By agent and model</h2>
                <Table groups={found.agents} unit="Steps" />
              </section>
            ) : null}
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

const dayName = (at: number) => new Date(at).toLocaleDateString(undefined, { day: "numeric", month: "short" });

function Days({ days }: { days: Day[] }) {
  const most = Math.max(1, ...days.map((day) => day.completed + day.failed + day.other));
  const total = days.reduce((sum, day) => sum + day.completed + day.failed + day.other, 0);
  return (
    <>
      <div className="days" role="img" aria-label={`${plural(total, "run")} in ${days.length} days, at most ${most} on one`}>
        {days.map((day) => (
          <span key={day.at} className="day" title={`${dayName(day.at)}: ${day.completed} done, ${day.failed} failed, ${day.other} others`}>
            <i className="day-o" style={{ height: `${(day.other / most) * 100}%` }} />
            <i className="day-f" style={{ height: `${(day.failed / most) * 100}%` }} />
            <i className="day-d" style={{ height: `${(day.completed / most) * 100}%` }} />
          </span>
        ))}
      </div>
      <div className="days-x muted t11">
        <span>{days[0] ? dayName(days[0].at) : ""}</span>
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
          <span key={day.at} className="day" title={`${dayName(day.at)}: ${money(day.cost)}`}>
            <i className="day-o" style={{ height: `${(day.cost / most) * 100}%` }} />
          </span>
        ))}
      </div>
      <div className="days-x muted t11">
        <span>{days[0] ? dayName(days[0].at) : ""}</span>
        <span>most on a day {money(most)}</span>
        <span>today</span>
      </div>
    </>
  );
}

function Waits({ waits }: { waits: { key: string; ms: number }[] }) {
  const most = Math.max(1, ...waits.map((wait) => wait.ms));
  if (waits.length === 0) return <p className="muted">They have waited for nothing.</p>;
  return (
    <dl className="waits">
      {waits.slice(0, 8).map((wait) => (
        <div key={wait.key}>
          <dt>{waitWords[wait.key] ?? sentence(wait.key)}</dt>
          <dd>
            <span className="waits-b" aria-hidden="true">
              <i data-s={wait.key} style={{ width: `${Math.max(1.5, (wait.ms / most) * 100)}%` }} />
            </span>
            <span className="num">{duration(wait.ms)}</span>
          </dd>
        </div>
      ))}
    </dl>
  );
}

function Table({ groups, unit }: { groups: Group[]; unit: string }) {
  return (
    <div className="ins-table" tabIndex={0} role="region" aria-label={`${unit} by name`}>
      <table>
        <thead>
          <tr>
            <th>Name</th>
            <th className="ta-r">{unit}</th>
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
              <td className="ta-r num">{each.completed + each.failed === 0 ? "" : `${Math.round((each.completed / (each.completed + each.failed)) * 100)} %`}</td>
              <td className="ta-r num">{each.failed || ""}</td>
              <td className="ta-r num">{each.medianMs === null ? "" : duration(each.medianMs)}</td>
              <td className="ta-r num">{each.slowMs === null ? "" : duration(each.slowMs)}</td>
              <td className="ta-r num">{each.tokens ? count(each.tokens) : ""}</td>
              <td className="ta-r num">{each.cost ? money(each.cost) : ""}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
