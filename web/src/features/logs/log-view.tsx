/** A log: follows its end, is searched, and shows its colours. */
import { useEffect, useLayoutEffect, useRef, useState } from "react";
import type { Step } from "~/api/types";
import { bytes, plural } from "~/lib/format";
import { useShortcuts } from "~/lib/shortcuts";
import { Button } from "~/ui/button";
import { Icon } from "~/ui/icon";
import { Failure } from "~/ui/state";
import { LINE, useLines } from "./log-lines";
import { MOST_MATCHES } from "./log-window";
import { type LogReader, type LogType, useLog } from "./use-log";

/** What is above is fetched when fewer lines than this are left. */
const AHEAD = 400;

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
  const [target, setTarget] = useState<{ line: number; align: "start" | "center" } | null>(null);
  const { window: log, search } = reader;
  // An end of line at the end is no line of its own.
  const count = log.lines.length > 0 && log.lines.at(-1) === "" && log.isAtEnd ? log.lines.length - 1 : log.lines.length;
  const lines = useLines({ box, log, count, query, marked, isLive });

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

  // A place is gone to when the lines around it are drawn.
  useLayoutEffect(() => {
    if (!target) return;
    lines.goTo(target.line, target.align);
    isJumping.current = false;
    setTarget(null);
    // Of each place once.
  }, [target]);

  const onScroll = () => {
    const element = box.current;
    if (!element) return;
    lines.scrolled();
    const isAtEnd = element.scrollHeight - element.scrollTop - element.clientHeight < LINE * 2;
    if (isAtEnd && !log.isAtEnd) void reader.after();
    if (element.scrollTop < LINE * AHEAD && !log.isAtStart) void reader.before();
    const isFollowing = isAtEnd && log.isAtEnd && !isJumping.current;
    if (follows !== isFollowing) setFollows(isFollowing);
  };

  const goToEnd = () => {
    setFollows(true);
    setMarked(null);
    if (log.isAtEnd) lines.goTo(Math.max(0, count - 1), "end");
    else void reader.openEnd();
  };
  const jump = async (offset: number, isMatch: boolean) => {
    isJumping.current = true;
    setFollows(false);
    const line = await reader.openAt(offset, isMatch);
    setFollows(false);
    setMarked(isMatch ? line : null);
    setTarget({ line, align: isMatch ? "center" : "start" });
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
        {lines.element}
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
