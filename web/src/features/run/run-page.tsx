/** A run: what it is at, why it waits, and its tabs. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useLocation, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { lazy, Suspense, useEffect, useRef, useState } from "react";
import { Problem, write } from "~/api/client";
import { endpoints } from "~/api/endpoints";
import { useTopic } from "~/api/live-react";
import { keys, queries } from "~/api/queries";
import type { Run } from "~/api/types";
import { CancelDialog } from "~/features/board/card-menu";
import { useOrderKeys } from "~/features/orders/use-order-keys";
import { useVisible } from "~/lib/media";
import { paths, type Tab, tabs } from "~/lib/paths";
import { asks } from "~/lib/run-state";
import { useShortcuts } from "~/lib/shortcuts";
import { Empty, Failure, Skeleton } from "~/ui/state";
import { Conversation } from "./conversation";
import { NoSteps } from "./no-steps";
import { RunHeader } from "./run-header";

const Overview = lazy(() => import("./overview"));
const Timeline = lazy(() => import("~/features/timeline/timeline"));
const Graph = lazy(() => import("~/features/graph/graph"));
const LogsTab = lazy(() => import("~/features/logs/logs-tab"));
const Changes = lazy(() => import("~/features/changes/changes"));
const Artifacts = lazy(() => import("~/features/artifacts/artifacts-tab"));
const Result = lazy(() => import("./result"));
const StepDialog = lazy(() => import("~/features/step/step-dialog"));

const labels: Record<Tab, string> = {
  overview: "Overview",
  timeline: "Timeline",
  graph: "Graph",
  conversation: "Conversation",
  logs: "Logs",
  changes: "Changes",
  artifacts: "Artifacts",
  result: "Result",
};

export function RunPage() {
  const { run: id, tab } = useParams({ from: "/runs/$run/$tab" });
  const { data: run, error, refetch } = useQuery(queries.run(id));
  useTopic(run ? `run:${run.id}` : null);
  useEffect(() => {
    if (run) document.title = `${asks(run).length > 0 ? "● " : ""}${run.name.slice(0, 80)} · Baton`;
    return () => {
      document.title = "Baton";
    };
  }, [run]);

  const isGone = error instanceof Problem && error.status === 404;
  if (isGone) {
    return (
      <main className="main" id="main">
        <Empty icon="trash" title={run ? `Run ${run.number} has been deleted` : "There is no such run"} text={run ? "Somebody deleted it while it was shown here." : "It may have been deleted, or the address is cut off."}>
          <Link className="btn" to={paths.board()}>
            To the board
          </Link>
        </Empty>
      </main>
    );
  }
  if (!run) {
    return (
      <main className="main" id="main">
        {error ? <Failure error={error} what="The run" retry={() => void refetch()} /> : <Skeleton rows={10} />}
      </main>
    );
  }
  return <Loaded key={run.id} run={run} tab={tab as Tab} />;
}

function Loaded({ run, tab }: { run: Run; tab: Tab }) {
  const navigate = useNavigate();
  const search = useSearch({ from: "__root__" });
  const { hash } = useLocation();
  const [cancelling, setCancelling] = useState(false);
  const go = (next: Tab, at?: string) =>
    void navigate({ to: "/runs/$run/$tab", params: { run: String(run.number), tab: next }, ...(at ? { hash: at } : {}) });
  const openStep = (key: string | null) => void navigate({ to: ".", search: (before) => ({ ...before, step: key ?? undefined }) });
  const isSeen = useVisible() && tab === "conversation";
  useMarkRead(run, isSeen);

  useShortcuts([
    ...tabs.map((each, index) => ({ keys: String(index + 1), does: labels[each], run: () => go(each) })),
    { keys: "r", does: "Write a message", run: () => go("conversation", "reply") },
    ...useOrderKeys(
      () => run,
      () => setCancelling(true),
    ),
  ]);

  const isAsking = asks(run).length > 0;
  useEffect(() => {
    if (tab !== "conversation" || (hash !== "reply" && hash !== "decide")) return;
    // What was closed on the way here gives the focus back first.
    const timer = setTimeout(() => {
      const there = document.querySelector<HTMLElement>(hash === "reply" ? "[data-composer]" : "[data-ask]");
      if (!there) return;
      there.focus();
      // Once: the next time it is wanted it is news again.
      void navigate({ to: ".", search: (before) => before, hash: "", replace: true });
    });
    return () => clearTimeout(timer);
  }, [tab, hash, isAsking, navigate]);

  const waiting = asks(run);
  const hasSteps = run.steps.length > 0;
  const numbers: Partial<Record<Tab, { n: number; isYou?: boolean }>> = {
    conversation: waiting.length > 0 ? { n: waiting.length, isYou: true } : { n: isSeen ? 0 : run.unread },
    changes: { n: (run.checkpoints ?? []).length },
    artifacts: { n: (run.artifacts ?? []).length || run._count.artifacts },
  };

  return (
    <main className="main" id="main">
      <RunHeader run={run} onCancel={() => setCancelling(true)} onLook={() => go("conversation", "decide")} isConversation={tab === "conversation"} />
      <nav className="tabs" aria-label="Views of this run">
        {tabs.map((each) => {
          const number = numbers[each];
          return (
            <Link
              key={each}
              to="/runs/$run/$tab"
              params={{ run: String(run.number), tab: each }}
              aria-current={each === tab ? "page" : undefined}
              ref={(element) => {
                if (each === tab) element?.scrollIntoView({ block: "nearest", inline: "nearest" });
              }}
            >
              {labels[each]}
              {number && number.n > 0 ? <span className={`n ${number.isYou ? "n--you" : ""}`}>{number.n}</span> : null}
            </Link>
          );
        })}
      </nav>
      <Suspense fallback={<Skeleton rows={8} />}>
        {tab === "conversation" ? <Conversation run={run} onStep={openStep} /> : null}
        {tab === "overview" ? <Overview run={run} onStep={openStep} /> : null}
        {(tab === "timeline" || tab === "graph") && !hasSteps ? <NoSteps run={run} /> : null}
        {tab === "timeline" && hasSteps ? <Timeline run={run} onStep={openStep} /> : null}
        {tab === "graph" && hasSteps ? <Graph run={run} onStep={openStep} /> : null}
        {tab === "logs" ? <LogsTab run={run} /> : null}
        {tab === "changes" ? <Changes run={run} /> : null}
        {tab === "artifacts" ? <Artifacts run={run} /> : null}
        {tab === "result" ? <Result run={run} /> : null}
        {search.step ? <StepDialog run={run} stepKey={search.step} onClose={() => openStep(null)} /> : null}
      </Suspense>
      <CancelDialog run={run} open={cancelling} onClose={() => setCancelling(false)} />
    </main>
  );
}

/** Messages that come one after the other are told read together. */
const TELL_AFTER_MS = 500;

/** What has been seen is read here at once, and soon where the server keeps that. */
function useMarkRead(run: Run, isSeen: boolean): void {
  const cache = useQueryClient();
  const { data: thread } = useQuery({ ...queries.messages(run.id), enabled: isSeen });
  const last = thread?.at(-1)?.id;
  const { id, project_id: project, unread } = run;
  const seen = useRef<number>(undefined);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => {
    if (!isSeen || last === undefined || unread === 0) return;
    const isRead = (each: Run) => (each.id === id ? { ...each, unread: 0 } : each);
    cache.setQueryData<{ runs: Run[]; more: string | null }>(keys.board(project), (board) => board && { ...board, runs: board.runs.map(isRead) });
    cache.setQueriesData<Run>({ queryKey: ["run"] }, (each) => each && isRead(each));
    seen.current = last;
    timer.current ??= setTimeout(() => {
      timer.current = undefined;
      write("PUT", endpoints.read(id), { message_id: seen.current }).catch(() => undefined);
    }, TELL_AFTER_MS);
  }, [cache, id, project, unread, isSeen, last]);
}
