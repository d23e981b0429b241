/** The board: columns of runs, what needs you first. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useVirtualizer } from "@tanstack/react-virtual";
import { memo, useCallback, useDeferredValue, useEffect, useMemo, useRef, useState } from "react";
import { type Board, finished, keys, queries } from "~/api/queries";
import type { Run } from "~/api/types";
import { useMe, useProject } from "~/features/project/use-project";
import { useOrderKeys } from "~/features/orders/use-order-keys";
import { useMedia } from "~/lib/media";
import { useNow, useSettled } from "~/lib/now";
import { canStart } from "~/lib/run-can";
import { asks } from "~/lib/run-state";
import { useShortcuts } from "~/lib/shortcuts";
import { Button } from "~/ui/button";
import { Find } from "~/ui/find";
import { Mark } from "~/ui/icon";
import { Pick } from "~/ui/menu";
import { Empty, Failure, Skeleton } from "~/ui/state";
import { useRefusal } from "~/ui/toast";
import { type Column, columns, counts, type Direction, family, fits, isChild, longestWord, neighbour, numbersOf, type Show, withFound } from "./board-model";
import { Card } from "./card";
import { CancelDialog } from "./card-menu";
import { FirstRun } from "./first-run";
import { Strip } from "./strip";

const shows: { key: Show; label: string }[] = [
  { key: "needs", label: "Needs you" },
  { key: "running", label: "Running" },
  { key: "waiting", label: "Waiting" },
  { key: "paused", label: "Paused" },
  { key: "failed", label: "Failed" },
];

export function BoardPage() {
  const { project, error: projectError, isLoading: projectLoading } = useProject();
  const me = useMe();
  const search = useSearch({ from: "__root__" });
  const navigate = useNavigate();
  const cache = useQueryClient();
  const refused = useRefusal();
  const isNarrow = useMedia("(max-width: 720px)");
  const board = useQuery(queries.board(project?.id ?? ""));
  const { data: definitions } = useQuery(queries.definitions(project?.id ?? ""));
  const surface = useRef<HTMLDivElement>(null);
  const scrollers = useRef(new Map<string, (index: number) => void>());
  const [focused, setFocused] = useState<string | null>(null);
  const [cancelling, setCancelling] = useState<Run | null>(null);
  /** The group that is gone to on a phone. */
  const [goal, setGoal] = useState<Goal | null>(null);
  const now = useNow(false);

  const show = (shows.some((each) => each.key === search.show) ? search.show : "all") as Show;
  const q = useDeferredValue(search.q ?? "");
  const definition = definitions?.find((each) => each.key === search.definition);
  // What is looked for may be older than what is loaded.
  const looked = useSettled(longestWord(search.q ?? ""), 250);
  const hasOlder = !!board.data?.more;
  const { data: beyond } = useQuery({ ...queries.found(project?.id ?? "", looked, search.definition), ...(hasOlder ? {} : { enabled: false }) });
  const isLooking = (search.q ?? "") !== "" || search.definition !== undefined;
  const all = useMemo(() => board.data && withFound(board.data.runs, isLooking ? beyond : undefined), [board.data, beyond, isLooking]);
  const numbers = useMemo(() => numbersOf(all ?? []), [all]);
  const hidesKids = search.kids === "hide";
  const kids = useMemo(() => (all ?? []).filter(isChild).length, [all]);
  const runs = useMemo(() => (hidesKids ? all?.filter((run) => !isChild(run)) : all), [all, hidesKids]);
  const shownRuns = useMemo(
    () => (runs ?? []).filter((run) => fits(run, { definition: search.definition, q, show }, now)),
    [runs, search.definition, q, show, now],
  );
  const cols = useMemo(() => columns(shownRuns, definition), [shownRuns, definition]);
  const found = useMemo(() => counts((runs ?? []).filter((run) => !search.definition || run.workflow_definition.key === search.definition), now), [runs, search.definition, now]);

  const set = (change: Record<string, string | undefined>) =>
    void navigate({ to: "/", search: (before) => ({ ...before, ...change }), replace: true });
  const open = useCallback(
    (run: Run) => void navigate({ to: "/runs/$run/$tab", params: { run: String(run.number), tab: "conversation" }, ...(asks(run).length > 0 ? { hash: "decide" } : {}) }),
    [navigate],
  );
  const current = () => shownRuns.find((run) => run.id === focused);
  const [isFetching, setFetching] = useState(false);
  const showOlder = async () => {
    if (!project || !board.data?.more) return;
    setFetching(true);
    try {
      const older = await finished(project.id, 1, board.data.more);
      cache.setQueryData<Board>(keys.board(project.id), (known) => known && { runs: withFound(known.runs, older.runs), more: older.more, pages: known.pages + 1 });
    } catch (error) {
      refused(error, "Older runs were not read");
    }
    setFetching(false);
  };
  const older = hasOlder && show === "all" ? { isFetching, show: () => void showOlder() } : null;
  const effective = focused && shownRuns.some((run) => run.id === focused) ? focused : (cols.find((each) => each.runs.length > 0)?.runs[0]?.id ?? null);

  const move = (direction: Direction) => {
    const next = neighbour(cols, focused, direction);
    if (!next) return;
    setFocused(next);
    const column = cols.find((each) => each.runs.some((run) => run.id === next));
    const index = column?.runs.findIndex((run) => run.id === next) ?? 0;
    if (column) scrollers.current.get(column.key)?.(index);
    // The card may have to be drawn first.
    const take = (tries: number) => {
      const link = surface.current?.querySelector<HTMLElement>(`[data-card="${next}"]`);
      if (link) link.focus({ preventScroll: false });
      else if (tries > 0) requestAnimationFrame(() => take(tries - 1));
    };
    take(10);
  };

  useShortcuts([
    { keys: "j", does: "Down", run: () => move("down") },
    { keys: "k", does: "Up", run: () => move("up") },
    { keys: "h", does: "Left", run: () => move("left") },
    { keys: "l", does: "Right", run: () => move("right") },
    { keys: "ArrowDown", does: "Down", run: () => move("down") },
    { keys: "ArrowUp", does: "Up", run: () => move("up") },
    { keys: "ArrowLeft", does: "Left", run: () => move("left") },
    { keys: "ArrowRight", does: "Right", run: () => move("right") },
    ...useOrderKeys(current, setCancelling),
    {
      keys: "r",
      does: "Reply",
      run: () => {
        const run = current();
        if (run) void navigate({ to: "/runs/$run/$tab", params: { run: String(run.number), tab: "conversation" }, hash: "reply" });
      },
    },
  ]);

  const isEmpty = !projectLoading && !projectError && (!project || (board.data !== undefined && board.data.runs.length === 0));
  const register = useCallback((key: string, scroll: ((index: number) => void) | null) => {
    if (scroll) scrollers.current.set(key, scroll);
    else scrollers.current.delete(key);
  }, []);

  return (
    <main className="main" id="main">
      <header className="top">
        <span className="only-phone">
          <Mark />
        </span>
        <h1>Board</h1>
        {isEmpty ? null : (
          <span className="no-phone row">
            <Pick
              label="Definition"
              shown="Definition"
              value={search.definition ?? ""}
              options={[{ value: "", label: "All" }, ...(definitions ?? []).map((each) => ({ value: each.key, label: each.name }))]}
              onPick={(key) => set({ definition: key || undefined })}
            />
          </span>
        )}
        {isEmpty ? null : (
          <div className="row no-phone chips-row">
            {shows.map((each) => {
              const n = found[each.key as keyof typeof found];
              if (n === 0 && show !== each.key) return null;
              return <Chip key={each.key} n={n} label={each.label} isYou={each.key === "needs"} on={show === each.key} toggle={() => set({ show: show === each.key ? undefined : each.key })} />;
            })}
            {kids > 0 || hidesKids ? <Chip n={kids} label="Child runs" on={!hidesKids} toggle={() => set({ kids: hidesKids ? undefined : "hide" })} /> : null}
          </div>
        )}
        <span className="grow" />
        {isEmpty ? null : <Find label="Search runs" value={search.q ?? ""} onChange={(q) => set({ q: q || undefined })} />}
        <Button
          kind="pri"
          icon="plus"
          keys="C"
          can={project ? (definitions && definitions.length === 0 ? "There is no definition yet: `baton init` writes one" : canStart(null, me)) : "There is no project yet"}
          onClick={() => void navigate({ to: ".", search: (before) => ({ ...before, new: search.definition ?? "pick" }) })}
        >
          New run
        </Button>
      </header>
      {isEmpty || !isNarrow ? null : (
        <div className="chips only-phone">
          <Pick
            small
            label="Definition"
            value={search.definition ?? ""}
            options={[{ value: "", label: "All definitions" }, ...(definitions ?? []).map((each) => ({ value: each.key, label: each.name }))]}
            onPick={(key) => set({ definition: key || undefined })}
          />
          {definition
            ? cols.slice(0, -1).map((column) =>
                column.runs.length === 0 ? null : (
                  <button key={column.key} type="button" className="chip" aria-label={`To ${column.label}, ${column.runs.length}`} onClick={() => setGoal({ key: column.key })}>
                    {column.label} <b className="num">{column.runs.length}</b>
                  </button>
                ),
              )
            : null}
          <Chip n={found.needs} label="Needs you" isYou on={show === "needs"} toggle={() => set({ show: show === "needs" ? undefined : "needs" })} />
          <Chip n={found.open} label="All" on={show === "all"} toggle={() => set({ show: undefined })} />
          {shows.slice(1).map((each) =>
            found[each.key as keyof typeof found] === 0 ? null : (
              <Chip key={each.key} n={found[each.key as keyof typeof found]} label={each.label} on={show === each.key} toggle={() => set({ show: each.key })} />
            ),
          )}
          {kids > 0 || hidesKids ? <Chip n={kids} label="Child runs" on={!hidesKids} toggle={() => set({ kids: hidesKids ? undefined : "hide" })} /> : null}
        </div>
      )}
      {isEmpty ? null : <Strip project={project?.id ?? ""} runs={board.data?.runs} hasOlder={hasOlder} />}
      {projectError ? (
        <Failure error={projectError} what="The list of projects" />
      ) : isEmpty ? (
        <FirstRun project={project} definitions={definitions ?? []} />
      ) : board.error && !board.data ? (
        <Failure error={board.error} what="The board" retry={() => void board.refetch()} />
      ) : !board.data ? (
        <div className="board board--wait">
          {[4, 3, 2, 3, 5].map((n, index) => (
            <Skeleton key={index} rows={n} height={112} />
          ))}
        </div>
      ) : shownRuns.length === 0 ? (
        <Empty icon="search" title="No run fits" text={search.q ? `Nothing with “${search.q}”.` : "Nothing stands like this now."}>
          <Button onClick={() => set({ q: undefined, show: undefined, definition: undefined, kids: undefined })}>Show all</Button>
          {older ? <Older {...older} /> : null}
        </Empty>
      ) : isNarrow ? (
        <NarrowBoard cols={cols} goal={goal} older={older} numbers={numbers} focused={effective} onFocus={setFocused} onOpen={open} />
      ) : (
        <div className="board" ref={surface}>
          {cols.map((column) => (
            <BoardColumn key={column.key} column={column} older={column.key === "finished" ? older : null} numbers={numbers} focused={effective} onFocus={setFocused} onOpen={open} register={register} />
          ))}
        </div>
      )}
      {cancelling ? <CancelDialog run={cancelling} open onClose={() => setCancelling(null)} /> : null}
    </main>
  );
}

function Chip({ n, label, on, toggle, isYou = false }: { n: number; label: string; on: boolean; toggle: () => void; isYou?: boolean }) {
  return (
    <button type="button" className={`chip ${isYou && n > 0 ? "chip--you" : ""}`} aria-pressed={on} onClick={toggle}>
      {label} <b className="num">{n}</b>
    </button>
  );
}

interface Older {
  isFetching: boolean;
  show: () => void;
}

function Older({ isFetching, show }: Older) {
  return (
    <button type="button" className="fold-more" aria-disabled={isFetching || undefined} aria-busy={isFetching || undefined} onClick={isFetching ? undefined : show}>
      Show older
    </button>
  );
}

interface ListProps {
  older: Older | null;
  /** Of runs by id, to name a child's parent by. */
  numbers: Map<string, number>;
  focused: string | null;
  onFocus: (id: string) => void;
  onOpen: (run: Run) => void;
}

/** Close to what cards measure, so that a list's length hardly changes while it is scrolled. */
function estimate(run: Run): number {
  const isQuiet = run.status === "completed" || run.status === "cancelled";
  return isQuiet ? 92 : run.status === "failed" ? 172 : 148;
}

const BoardColumn = memo(function BoardColumn({
  column,
  older,
  numbers,
  focused,
  onFocus,
  onOpen,
  register,
}: ListProps & { column: Column; register: (key: string, scroll: ((index: number) => void) | null) => void }) {
  const list = useRef<HTMLDivElement | null>(null);
  const rows = useVirtualizer({
    count: column.runs.length,
    getScrollElement: () => list.current,
    estimateSize: (index) => estimate(column.runs[index]!),
    getItemKey: (index) => column.runs[index]!.id,
    overscan: 4,
    useFlushSync: false,
    gap: 8,
  });
  const key = column.key;
  return (
    <section className="col" aria-label={column.label}>
      <div className="col-h">
        <h2>{column.label}</h2>
        <span className="n num">
          {column.runs.length}
          {older ? "+" : ""}
        </span>
      </div>
      <div
        className="col-list"
        ref={(element) => {
          list.current = element;
          register(key, element ? (index) => rows.scrollToIndex(index) : null);
        }}
      >
        <div className="virtual" style={{ height: rows.getTotalSize() }}>
          {rows.getVirtualItems().map((row) => {
            const run = column.runs[row.index]!;
            return (
              <div key={row.key} data-index={row.index} ref={rows.measureElement} className="virtual-row" style={{ transform: `translateY(${row.start}px)` }}>
                <Card run={run} family={family(run, numbers)} isFocused={focused === run.id} onFocus={onFocus} onOpen={onOpen} />
              </div>
            );
          })}
        </div>
        {older ? <Older {...older} /> : null}
      </div>
    </section>
  );
});

/** Made anew each time, so that the same group can be gone to twice. */
interface Goal {
  key: string;
}

type Line = { key: string; head: { label: string; n: number } } | { key: string; run: Run };

/** On a phone the columns stand one below the other, what needs you first. */
function NarrowBoard({ cols, goal, older, numbers, focused, onFocus, onOpen }: ListProps & { cols: Column[]; goal: Goal | null }) {
  const list = useRef<HTMLDivElement>(null);
  const lines = useMemo(() => {
    const isYours = (run: Run) => asks(run).length > 0;
    const yours = cols.flatMap((column) => column.runs.filter(isYours));
    const found: Line[] = [];
    const put = (key: string, label: string, runs: Run[]) => {
      if (runs.length === 0) return;
      found.push({ key, head: { label, n: runs.length } });
      for (const run of runs) found.push({ key: run.id, run });
    };
    put("you", "Needs you", yours);
    for (const column of cols) put(column.key, column.label, column.runs.filter((run) => !isYours(run)));
    return found;
  }, [cols]);
  const rows = useVirtualizer({
    count: lines.length,
    getScrollElement: () => list.current,
    estimateSize: (index) => {
      const line = lines[index]!;
      return "run" in line ? estimate(line.run) : 28;
    },
    getItemKey: (index) => lines[index]!.key,
    overscan: 6,
    useFlushSync: false,
    gap: 12,
  });
  useEffect(() => {
    if (!goal) return;
    const at = lines.findIndex((line) => line.key === goal.key);
    // Whose runs all need somebody stand at the top.
    rows.scrollToIndex(Math.max(0, at), { align: "start" });
    // Of each goal once.
  }, [goal]);
  return (
    <div className="board-narrow" ref={list}>
      <div className="virtual" style={{ height: rows.getTotalSize() }}>
        {rows.getVirtualItems().map((row) => {
          const line = lines[row.index]!;
          return (
            <div key={row.key} data-index={row.index} ref={rows.measureElement} className="virtual-row" style={{ transform: `translateY(${row.start}px)` }}>
              {"run" in line ? (
                <Card run={line.run} family={family(line.run, numbers)} isFocused={focused === line.run.id} onFocus={onFocus} onOpen={onOpen} />
              ) : (
                <div className="col-h">
                  <h2>{line.head.label}</h2>
                  <span className="n num">{line.head.n}</span>
                </div>
              )}
            </div>
          );
        })}
      </div>
      {older ? <Older {...older} /> : null}
    </div>
  );
}
