/** A log: follows its end, is searched, and shows its colours. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { memo, useEffect, useLayoutEffect, useRef, useState } from "react";
import type { Step } from "~/api/types";
import { plain, spans } from "~/lib/ansi";
import { bytes, plural } from "~/lib/format";
import { useShortcuts } from "~/lib/shortcuts";
import { Button } from "~/ui/button";
import { Icon } from "~/ui/icon";
import { Failure } from "~/ui/state";
import { MOST_MATCHES } from "./log-window";
import { type LogReader, type LogType, useLog } from "./use-log";

const LINE = 18;
/** More of a line is shown when it is asked for. */
const LONGEST = 2000;

interface Props {
  step: Step;
  type: LogType;
  attempt?: number | undefined;
}

export function LogView({ step, type, attempt }: Props) {
  const reader = useLog(step, type, attempt);
  return <View reader={reader} step={step} isLive={step.status === "running" && type === "output"} />;
}

function View({ reader, step, isLive }: { reader: LogReader; step: Step; isLive: boolean }) {
  const box = useRef<HTMLDivElement>(null);
  const field = useRef<HTMLInputElement>(null);
  const [follows, setFollows] = useState(true);
  // While it goes to a place, what is told of scrolling is about the place before.
  const isJumping = useRef(false);
  const [isSearching, setSearching] = useState(false);
  const [query, setQuery] = useState("");
  const [match, setMatch] = useState(0);
  const [marked, setMarked] = useState<number | null>(null);
  const { window: log, search } = reader;
  // An end of line at the end is no line of its own.
  const count = log.lines.length > 0 && log.lines.at(-1) === "" && log.isAtEnd ? log.lines.length - 1 : log.lines.length;
  // Long lines are broken as long as all of it is here; of a longer log every line has the same height, so that places can be reckoned.
  const wraps = log.isAtStart && log.isAtEnd && count < 20_000;
  const rows = useVirtualizer({ count, getScrollElement: () => box.current, estimateSize: () => LINE, overscan: 30, paddingStart: 8, paddingEnd: 8 });
  useEffect(() => rows.measure(), [rows, wraps]);

  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    const shift = log.takeShift();
    if (shift !== 0) {
      if (!follows) element.scrollTop += shift * LINE;
      setMarked((at) => (at === null ? null : at + shift));
    }
    if (follows && !isJumping.current && log.isAtEnd) element.scrollTop = element.scrollHeight;
  });

  const onScroll = () => {
    const element = box.current;
    if (!element) return;
    const isAtEnd = element.scrollHeight - element.scrollTop - element.clientHeight < LINE * 2;
    if (isAtEnd && !log.isAtEnd) void reader.after();
    if (element.scrollTop < LINE * 60 && !log.isAtStart) void reader.before();
    const isFollowing = isAtEnd && log.isAtEnd && !isJumping.current;
    if (follows !== isFollowing) setFollows(isFollowing);
  };

  const goToEnd = () => {
    setFollows(true);
    setMarked(null);
    if (log.isAtEnd) rows.scrollToIndex(Math.max(0, count - 1), { align: "end" });
    else void reader.openEnd();
  };
  const jump = async (offset: number, isMatch: boolean) => {
    isJumping.current = true;
    setFollows(false);
    const line = await reader.openAt(offset, isMatch);
    setFollows(false);
    setMarked(isMatch ? line : null);
    requestAnimationFrame(() => {
      rows.scrollToIndex(line, { align: isMatch ? "center" : "start" });
      isJumping.current = false;
    });
  };
  const goTo = (index: number) => {
    const found = search?.matches[index];
    if (!found) return;
    setMatch(index);
    void jump(found.offset, true);
  };
  const step_ = (by: number) => {
    if (!search || search.matches.length === 0) return;
    goTo((match + by + search.matches.length) % search.matches.length);
  };

  // The first match is shown as soon as there is one.
  const hasFirst = (search?.matches.length ?? 0) > 0;
  const searched = search?.query;
  useEffect(() => {
    if (hasFirst) goTo(0);
    // Only when another search has its first match.
  }, [hasFirst, searched]);

  const openSearch = () => {
    setSearching(true);
    requestAnimationFrame(() => field.current?.select());
  };
  const closeSearch = () => {
    setSearching(false);
    setQuery("");
    setMarked(null);
    void reader.find("");
    box.current?.focus();
  };

  useShortcuts([
    { keys: "f", does: "Follow the log", run: goToEnd },
    { keys: "/", does: "Search the log", run: openSearch },
    { keys: "n", does: "Next match", run: () => step_(1) },
    { keys: "N", does: "Match before", run: () => step_(-1) },
  ]);

  if (reader.error && log.lines.length === 0) return <Failure error={reader.error} what="The log" retry={() => void reader.openEnd()} />;
  const found = search?.matches.length ?? 0;
  return (
    <div className="logv">
      {isSearching ? (
        <div className="log-find" role="search">
          <Icon name="search" size="sm" />
          <input
            ref={field}
            aria-label="Search the log"
            placeholder="Search all of it"
            value={query}
            autoFocus
            onChange={(event) => {
              setQuery(event.target.value);
              setMatch(0);
              void reader.find(event.target.value);
            }}
            onKeyDown={(event) => {
              if (event.key === "Escape") closeSearch();
              if (event.key === "Enter") step_(event.shiftKey ? -1 : 1);
            }}
          />
          <span className="muted t11 num" role="status">
            {query === "" ? "" : found === 0 ? (search?.isDone ? "nothing" : `${bytes(search?.seen ?? 0)}…`) : `${match + 1} of ${found >= MOST_MATCHES ? `${MOST_MATCHES}+` : found}${search?.isDone ? "" : "…"}`}
          </span>
          <Button kind="ghost" size="sm" icon="down" label="Next match" onClick={() => step_(1)} />
          <Button kind="ghost" size="sm" icon="close" label="Close the search" onClick={closeSearch} />
        </div>
      ) : null}
      <div className="log" role="log" aria-label={`Output of ${step.name}`} aria-live="off" ref={box} onScroll={onScroll} tabIndex={0}>
        {count === 0 && reader.isLoaded ? <div className="log-none">{isLive ? "Nothing written yet" : "It has written nothing"}</div> : null}
        <div className="virtual" style={{ height: rows.getTotalSize() }}>
          {rows.getVirtualItems().map((row) => (
            <Line
              key={row.key}
              index={row.index}
              measure={wraps ? rows.measureElement : undefined}
              start={row.start}
              text={log.lines[row.index] ?? ""}
              number={log.isAtStart ? row.index + 1 : null}
              query={query}
              isMarked={marked === row.index}
              isLast={isLive && log.isAtEnd && row.index === count - 1}
            />
          ))}
        </div>
      </div>
      <div className="log-f">
        <span className={isLive ? "live" : ""}>{isLive ? "Live" : "Ended"}</span>
        <span className="num">
          {log.isAtStart && log.isAtEnd ? `${plural(count, "line")}, ${bytes(log.total)}` : `${bytes(log.from)} to ${bytes(log.to)} of ${bytes(log.total)}`}
        </span>
        {log.isAtStart && log.isAtEnd ? null : (
          <input
            className="log-at"
            type="range"
            aria-label="Place in the log"
            min={0}
            max={Math.max(1, log.total)}
            step={1024}
            value={log.from}
            onChange={(event) => void jump(Number(event.target.value), false)}
          />
        )}
        <span className="grow" />
        <button type="button" className="log-b" onClick={openSearch}>
          <kbd aria-hidden="true">/</kbd> search
        </button>
        <button type="button" className="log-b" aria-pressed={follows} onClick={goToEnd}>
          <kbd aria-hidden="true">F</kbd> {follows ? "following" : "follow"}
        </button>
      </div>
    </div>
  );
}

const Line = memo(function Line({ index, measure, start, text, number, query, isMarked, isLast }: { index: number; measure: ((element: Element | null) => void) | undefined; start: number; text: string; number: number | null; query: string; isMarked: boolean; isLast: boolean }) {
  const [isWhole, setWhole] = useState(false);
  const isLong = text.length > LONGEST && !isWhole;
  const shown = isLong ? text.slice(0, LONGEST) : text.slice(0, 200_000);
  return (
    <div ref={measure} data-index={index} className={`log-line ${measure ? "log-line--wrap" : ""} ${isMarked ? "cur" : ""}`} style={{ transform: `translateY(${start}px)` }}>
      <i aria-hidden="true">{number}</i>
      <span>
        {query && plain(shown).toLowerCase().includes(query.toLowerCase()) ? (
          <Found text={plain(shown)} query={query} />
        ) : (
          spans(shown).map((span, index) =>
            span.style ? (
              <span key={index} className={span.style}>
                {span.text}
              </span>
            ) : (
              span.text
            ),
          )
        )}
        {isLong ? (
          <button type="button" className="log-more" onClick={() => setWhole(true)}>
            {(text.length - LONGEST).toLocaleString("en-US")} more characters
          </button>
        ) : null}
        {isLast ? <span className="caret" /> : null}
      </span>
    </div>
  );
});

function Found({ text, query }: { text: string; query: string }) {
  const parts: React.ReactNode[] = [];
  const low = text.toLowerCase();
  const needle = query.toLowerCase();
  let at = 0;
  for (let found = low.indexOf(needle); found >= 0 && parts.length < 200; found = low.indexOf(needle, at)) {
    parts.push(text.slice(at, found), <mark key={found}>{text.slice(found, found + needle.length)}</mark>);
    at = found + needle.length;
  }
  parts.push(text.slice(at));
  return <>{parts}</>;
}
