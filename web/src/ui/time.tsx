/** Times that go on by themselves, each in an element of its own. */
import type { Run } from "~/api/types";
import { ago, clock, dayAndTime, duration, exactly, timeOfDay } from "~/lib/format";
import { useNow } from "~/lib/now";
import { elapsed } from "~/lib/run-state";

export function RunElapsed({ run }: { run: Run }) {
  const now = useNow(!run.completed_at);
  return <span className="num">{duration(elapsed(run, now))}</span>;
}

export function Since({ from, to, exact = false }: { from: string | null; to?: string | null; exact?: boolean }) {
  const now = useNow(!to);
  if (!from) return null;
  const ms = (to ? Date.parse(to) : now) - Date.parse(from);
  return <span className="num">{exact ? clock(ms, !!to) : duration(ms)}</span>;
}

export function Ago({ at }: { at: string }) {
  const now = useNow();
  return (
    <time className="num" dateTime={at} title={exactly(at)}>
      {ago(at, now)}
    </time>
  );
}

export function At({ at, seconds = false }: { at: string; seconds?: boolean }) {
  const isToday = new Date(at).toDateString() === new Date().toDateString();
  return (
    <time className="at num" dateTime={at} title={exactly(at)}>
      {isToday ? timeOfDay(at, seconds) : dayAndTime(at)}
    </time>
  );
}
