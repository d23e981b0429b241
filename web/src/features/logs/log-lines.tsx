/** The lines of a log that are seen: of one height each in a long log, broken where they are long in a short one. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { memo, type RefObject, useCallback, useEffect, useLayoutEffect, useState } from "react";
import { marked, plain, spans } from "~/lib/ansi";
import type { LogWindow } from "./log-window";

export const LINE = 18;
/** More of a line is shown when it is asked for. */
const LONGEST = 2000;
const PADDING = 8;
/** Lines are drawn in lots of this many, and this many beyond what is seen. */
const LOT = 12;
const BEYOND = 24;

interface Props {
  box: RefObject<HTMLDivElement | null>;
  log: LogWindow;
  count: number;
  query: string;
  /** The line that a search has led to. */
  marked: number | null;
  /** Whether the last line is still being written. */
  isLive: boolean;
}

export interface Lines {
  /** To be called when it was scrolled. */
  scrolled: () => void;
  goTo: (index: number, align: "start" | "center" | "end") => void;
  element: React.ReactNode;
}

/** Lines that are broken have to be measured; that is done for logs that are all here and not too long. */
export function useLines(props: Props): Lines {
  const { log, count } = props;
  const wraps = log.isAtStart && log.isAtEnd && count < 20_000;
  const broken = useBroken(props, wraps);
  const even = useEven(props, !wraps);
  return wraps ? broken : even;
}

function useBroken({ box, log, count, query, marked: at, isLive }: Props, isOn: boolean): Lines {
  const rows = useVirtualizer({
    count: isOn ? count : 0,
    getScrollElement: () => box.current,
    estimateSize: () => LINE,
    getItemKey: (index) => log.first + index,
    overscan: 20,
    paddingStart: PADDING,
    paddingEnd: PADDING,
    useFlushSync: false,
  });
  useEffect(() => rows.measure(), [rows, isOn]);
  return {
    scrolled: () => undefined,
    goTo: (index, align) => rows.scrollToIndex(index, { align }),
    element: (
      <div className="virtual" style={{ height: rows.getTotalSize() }}>
        {rows.getVirtualItems().map((row) => (
          <div
            key={row.key}
            ref={rows.measureElement}
            data-index={row.index}
            className={`log-line log-line--wrap ${at === row.index ? "cur" : ""}`}
            style={{ transform: `translateY(${row.start}px)` }}
          >
            <i aria-hidden="true">{log.isAtStart ? row.index + 1 : null}</i>
            <Words text={log.lines[row.index] ?? ""} query={query} isLast={isLive && log.isAtEnd && row.index === count - 1} />
          </div>
        ))}
      </div>
    ),
  };
}

/** Every line has the same height, so a place is reckoned, not measured; a line keeps its element while it is shown. */
function useEven({ box, log, count, query, marked: at, isLive }: Props, isOn: boolean): Lines {
  // Ids, not indexes: what comes in above changes nothing of what is shown.
  const [shown, setShown] = useState({ from: 0, to: 0 });
  const { first, base } = log;
  const scrolled = useCallback(() => {
    const element = box.current;
    if (!element || !isOn) return;
    const top = first + Math.floor((element.scrollTop - PADDING) / LINE);
    const from = Math.floor((top - BEYOND) / LOT) * LOT;
    const to = Math.ceil((top + element.clientHeight / LINE + BEYOND) / LOT) * LOT;
    setShown((before) => (before.from === from && before.to === to ? before : { from, to }));
  }, [box, isOn, first]);
  useLayoutEffect(scrolled, [scrolled, count]);
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const observer = new ResizeObserver(scrolled);
    observer.observe(element);
    return () => observer.disconnect();
  }, [box, scrolled]);
  const from = Math.max(0, shown.from - first);
  const to = Math.min(count, shown.to - first);
  return {
    scrolled,
    goTo: (index, align) => {
      const element = box.current;
      if (!element) return;
      const spare = align === "start" ? 0 : align === "end" ? element.clientHeight - LINE - PADDING : (element.clientHeight - LINE) / 2;
      element.scrollTop = PADDING + index * LINE - spare;
      scrolled();
    },
    element: (
      <div className="virtual" style={{ height: count * LINE + 2 * PADDING }}>
        <div className="log-sheet" style={{ transform: `translateY(${(base - first) * LINE + PADDING}px)` }}>
          {Array.from({ length: Math.max(0, to - from) }, (_, n) => {
            const index = from + n;
            const id = first + index;
            return (
              <Even
                key={id}
                top={(id - base) * LINE}
                number={log.isAtStart ? index + 1 : null}
                text={log.lines[index] ?? ""}
                query={query}
                isMarked={at === index}
                isLast={isLive && log.isAtEnd && index === count - 1}
              />
            );
          })}
        </div>
      </div>
    ),
  };
}

const Even = memo(function Even({ top, number, text, query, isMarked, isLast }: { top: number; number: number | null; text: string; query: string; isMarked: boolean; isLast: boolean }) {
  return (
    <div className={`log-line log-line--even ${isMarked ? "cur" : ""}`} style={{ top }}>
      <i aria-hidden="true">{number}</i>
      <Words text={text} query={query} isLast={isLast} />
    </div>
  );
});

const Words = memo(function Words({ text, query, isLast }: { text: string; query: string; isLast: boolean }) {
  const [isWhole, setWhole] = useState(false);
  const isLong = text.length > LONGEST && !isWhole;
  const shown = isLong ? text.slice(0, LONGEST) : text.slice(0, 200_000);
  const isFound = query !== "" && plain(shown).toLowerCase().includes(query.toLowerCase());
  const parts = isFound ? marked(spans(shown), query) : spans(shown);
  return (
    <span>
      {parts.map((span, index) =>
        span.isFound ? (
          <mark key={index}>{span.text}</mark>
        ) : span.style ? (
          <span key={index} className={span.style}>
            {span.text}
          </span>
        ) : (
          span.text
        ),
      )}
      {isLong ? (
        <button type="button" className="log-more" onClick={() => setWhole(true)}>
          {(text.length - LONGEST).toLocaleString("en-US")} more characters
        </button>
      ) : null}
      {isLast ? <span className="caret" /> : null}
    </span>
  );
});
