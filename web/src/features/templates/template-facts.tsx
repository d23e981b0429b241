/** Beside a definition's text: how its runs went, and what starts it by itself. */
import { Link } from "@tanstack/react-router";
import type { Definition } from "~/api/types";
import { dayAndTime, duration, money } from "~/lib/format";
import { Badge } from "~/ui/badge";
import { Copy } from "~/ui/copy";
import { Ago } from "~/ui/time";
import { statusBadge } from "./template-model";

export function Runs({ definition: { stats } }: { definition: Definition }) {
  if (!stats || stats.runs === 0) return null;
  const figures: [string, string | null][] = [
    ["Done", stats.success_rate === null ? null : `${Math.round(stats.success_rate * 100)} %`],
    ["Usually", stats.median_ms === null ? null : duration(stats.median_ms)],
    ["9 of 10 under", stats.p90_ms === null ? null : duration(stats.p90_ms)],
    ["Cost", stats.median_cost_usd === null ? null : money(stats.median_cost_usd)],
  ];
  return (
    <div>
      <h3 className="eyebrow">
        Runs <span className="num">{stats.runs}</span>
      </h3>
      <dl className="kv">
        {figures.map(([name, value]) =>
          value === null ? null : (
            <div className="kv-row" key={name}>
              <dt>{name}</dt>
              <dd className="num medium">{value}</dd>
            </div>
          ),
        )}
      </dl>
      <ul className="tpl-runs" aria-label="Last runs">
        {stats.last_runs.map((run) => (
          <li key={run.id}>
            <Badge {...statusBadge(run.status)} />
            <Link className="link cut" to="/runs/$run/$tab" params={{ run: String(run.number), tab: "overview" }}>
              {run.name}
            </Link>
            <span className="muted t12">
              <Ago at={run.created_at} />
            </span>
          </li>
        ))}
      </ul>
    </div>
  );
}

export function Rules({ definition: { triggers } }: { definition: Definition }) {
  const { schedule, webhook } = triggers ?? {};
  if (!schedule && !webhook) return null;
  return (
    <div>
      <h3 className="eyebrow">Starts by itself</h3>
      <dl className="kv">
        {schedule ? (
          <div className="kv-row">
            <dt>Schedule</dt>
            <dd>
              <span className="m11">{schedule.cron}</span> <span className="muted">{schedule.tz}</span>
              <div>{schedule.next_at ? `next ${dayAndTime(schedule.next_at)}` : "never comes due"}</div>
            </dd>
          </div>
        ) : null}
        {webhook ? (
          <div className="kv-row">
            <dt>Webhook</dt>
            <dd>
              <Copy text={`${location.origin}${webhook.path}`} />
            </dd>
          </div>
        ) : null}
      </dl>
    </div>
  );
}
