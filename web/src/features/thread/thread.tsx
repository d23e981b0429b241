/** The thread: a list of which only what is seen is drawn, that stays at its end while one is there. */
import { useQueries, useQuery } from "@tanstack/react-query";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import { queries } from "~/api/queries";
import type { Run } from "~/api/types";
import { Button } from "~/ui/button";
import { Empty, Failure, Skeleton } from "~/ui/state";
import { ThreadItem } from "./thread-item";
import { type Acts, sessions, thread } from "./thread-model";

/** Attempts whose sessions are shown in full; of older ones the messages are. */
const SESSIONS = 24;

export function Thread({ run, onStep }: { run: Run; onStep: (key: string) => void }) {
  const messages = useQuery(queries.messages(run.id));
  const shown = useMemo(() => sessions(run.steps, SESSIONS), [run.steps]);
  const acts = useQueries({
    queries: shown.map(({ step, number }) => queries.activities(step.id, number)),
    combine: (all) => all.map((each) => each.data),
  });
  const items = useMemo(() => {
    const known: Acts[] = shown.flatMap(({ step, number }, index) => (acts[index] ? [{ step, attempt: number, rows: acts[index] }] : []));
    return thread(messages.data ?? [], known);
  }, [messages.data, shown, acts]);

  const box = useRef<HTMLDivElement>(null);
  const [isAtEnd, setAtEnd] = useState(true);
  const atEnd = useRef(true);
  const rows = useVirtualizer({
    count: items.length,
    getScrollElement: () => box.current,
    estimateSize: (index) => ({ message: 76, said: 120, tools: 44, comments: 44, note: 32, system: 32 })[items[index]!.kind],
    getItemKey: (index) => items[index]!.key,
    overscan: 5,
    useFlushSync: false,
    paddingStart: 12,
    paddingEnd: 12,
  });
  const size = rows.getTotalSize();

  // At its end it stays at its end, while messages come and are measured.
  useLayoutEffect(() => {
    const element = box.current;
    if (element && atEnd.current) element.scrollTop = element.scrollHeight;
  }, [size, items.length]);

  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const onScroll = () => {
      const now = element.scrollHeight - element.scrollTop - element.clientHeight < 40;
      atEnd.current = now;
      setAtEnd(now);
    };
    const onResize = new ResizeObserver(() => {
      if (atEnd.current) element.scrollTop = element.scrollHeight;
    });
    element.addEventListener("scroll", onScroll, { passive: true });
    onResize.observe(element);
    return () => {
      element.removeEventListener("scroll", onScroll);
      onResize.disconnect();
    };
  }, [messages.data === undefined]);

  if (messages.error && !messages.data) return <Failure error={messages.error} what="The conversation" retry={() => void messages.refetch()} />;
  if (!messages.data) return <Skeleton rows={8} height={56} />;
  if (items.length === 0) {
    return (
      <div className="thread-empty">
        <Empty icon="message" title="Nothing has been said yet" text="Agents say here what they do; what you write reaches them while they work." />
      </div>
    );
  }
  return (
    <div className="thread-box">
      <div className="thread" role="log" aria-label="Conversation" ref={box} tabIndex={0}>
        <div className="virtual" style={{ height: size }}>
          {rows.getVirtualItems().map((row) => (
            <div key={row.key} data-index={row.index} ref={rows.measureElement} className="virtual-row thread-row" style={{ transform: `translateY(${row.start}px)` }}>
              <ThreadItem item={items[row.index]!} run={run} onStep={onStep} />
            </div>
          ))}
        </div>
      </div>
      {isAtEnd ? null : (
        <div className="to-end">
          <Button
            size="sm"
            icon="down"
            onClick={() => {
              atEnd.current = true;
              rows.scrollToIndex(items.length - 1, { align: "end" });
            }}
          >
            Newest
          </Button>
        </div>
      )}
    </div>
  );
}
