/** The timeline tab. */
import { useQuery } from "@tanstack/react-query";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import { queries } from "~/api/queries";
import type { Run } from "~/api/types";
import { clock, duration, money, timeOfDay } from "~/lib/format";
import { useMedia } from "~/lib/media";
import { useNow } from "~/lib/now";
import { isOver, stepState } from "~/lib/run-state";
import { StepIcon } from "~/ui/badge";
import { useShortcuts } from "~/lib/shortcuts";
import { Button } from "~/ui/button";
import { Find } from "~/ui/find";
import { Icon } from "~/ui/icon";
import { Since } from "~/ui/time";
import { Dock } from "./timeline-dock";
import { type Bar, foldedAtFirst, MANY, shownRows, ticks, timeline } from "./timeline-model";

const MOST_ZOOM = 200;
/** What is written behind the last bar has this much room, in pixels. */
const RESERVE = 76;

export default function Timeline({ run, onStep }: { run: Run; onStep: (key: string) => void }) {
  const now = useNow(!isOver(run));
  const pauses = useQuery(queries.pauses(run.id));
  const paused = run.paused_at;
  useEffect(() => {
    void pauses.refetch();
    // When it is paused or goes on, the journal has more to say.
  }, [paused]);

  const { data } = pauses;
  const model = useMemo(() => timeline(run, data ?? [], now), [run, data, now]);
  const [zoom, setZoom] = useState(1);
  const [query, setQuery] = useState("");
  const [selected, setSelected] = useState<string | null>(null);
  const [folded, setFolded] = useState<Set<string>>(() => foldedAtFirst(model.rows));
  const all = useMemo(() => shownRows(model.rows, folded, query), [model.rows, folded, query]);
  const isMany = run.steps.length > MANY;
  const fold = (key: string) =>
    setFolded((before) => {
      const next = new Set(before);
      if (!next.delete(key)) next.add(key);
      return next;
    });
  const more = () => setZoom((before) => Math.min(MOST_ZOOM, before * 1.6));
  const less = () => setZoom((before) => Math.max(1, before / 1.6));
  useShortcuts([
    { keys: "+", does: "More detail", run: more },
    { keys: "-", does: "Less detail", run: less },
    { keys: "0", does: "All of it", run: () => setZoom(1) },
    { keys: "j", does: "Next step", run: () => move(1) },
    { keys: "k", does: "Step before", run: () => move(-1) },
  ]);
  const box = useRef<HTMLDivElement>(null);
  const isNarrow = useMedia("(max-width: 720px)");
  const names = isNarrow ? 148 : isMany ? 320 : 264;
  const [room, setRoom] = useState(900);
  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    const observer = new ResizeObserver(() => setRoom(element.clientWidth));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  const width = Math.max(200, room - names) * zoom;
  const span = model.to - model.from;
  const x = (at: number) => ((at - model.from) / span) * (width - (isNarrow ? RESERVE / 2 : RESERVE)) + 8;
  const marks = ticks(model.from, model.to, width);
  // A time that is half hidden or stands under the time that it is now says less than none.
  const isReadable = (at: number) => x(at) > 26 && (isOver(run) || Math.abs(x(at) - x(model.now)) > (withSeconds ? 62 : 44));
  const withSeconds = marks.length > 1 && marks[1]! - marks[0]! < 60_000;
  const rows = useVirtualizer({
    count: all.length,
    getScrollElement: () => box.current,
    getItemKey: (index) => all[index]!.key,
    useFlushSync: false,
    estimateSize: (index) => {
      const row = all[index]!;
      return row.kind === "phase" ? 28 : row.isItem ? 28 : 36;
    },
    overscan: 12,
    paddingStart: 32,
  });
  const height = Math.max(rows.getTotalSize(), 0);
  const move = (by: number) => {
    const steps = all.flatMap((row, index) => (row.kind === "step" ? [{ id: row.step.id, index }] : []));
    const at = steps.findIndex((each) => each.id === selected);
    const next = steps[at < 0 ? 0 : Math.min(steps.length - 1, Math.max(0, at + by))];
    if (!next) return;
    setSelected(next.id);
    rows.scrollToIndex(next.index, { align: "auto" });
  };
  // Of many steps it begins at what is going on.
  useEffect(() => {
    const at = isMany ? all.findIndex((row) => row.kind === "step" && row.step.status === "running") : -1;
    if (at > 8) rows.scrollToIndex(at, { align: "center" });
    // Once, when it is opened.
  }, []);

  return (
    <div className="tlx">
      <div className="tlx-bar">
        <div className="legend no-phone" aria-hidden="true">
          <span>
            <i className="tb--done" /> work
          </span>
          <span>
            <i className="tb--run" /> now
          </span>
          <span>
            <i className="tb--fail" /> failed attempt
          </span>
          <span>
            <i className="tb--retry" /> retry wait
          </span>
          <span>
            <i className="tb--wait" /> limit or timer
          </span>
          <span>
            <i className="tb--need" /> you
          </span>
          <span>
            <i className="tb--plan" /> estimate
          </span>
          <span>
            <i className="cpm" /> checkpoint
          </span>
        </div>
        <span className="grow" />
        {isMany ? <Find small label="Find a step" value={query} onChange={setQuery} /> : null}
        <div className="row">
          <Button size="sm" label="Less detail" can={zoom > 1 ? true : "All of it is shown"} onClick={less}>
            −
          </Button>
          <Button size="sm" onClick={() => setZoom(1)}>
            Fit
          </Button>
          <Button size="sm" label="More detail" can={zoom < MOST_ZOOM ? true : "There is no more detail"} onClick={more}>
            +
          </Button>
        </div>
      </div>
      <div
        className="tlx-box"
        ref={box}
        tabIndex={0}
        role="region"
        aria-label="Timeline"
        onWheel={(event) => {
          if (!event.ctrlKey && !event.metaKey) return;
          setZoom((before) => Math.min(MOST_ZOOM, Math.max(1, before * (event.deltaY < 0 ? 1.2 : 1 / 1.2))));
        }}
      >
        <div className="tlx-in" style={{ width: names + width, height }}>
          <div className="tlx-axis" style={{ paddingLeft: names }}>
            <div className="tlx-corner" style={{ width: names }}>
              {duration(model.now - model.from)}
            </div>
            {marks.filter(isReadable).map((at) => (
              <span key={at} className="num" style={{ left: names + x(at) }}>
                {timeOfDay(new Date(at).toISOString(), withSeconds)}
              </span>
            ))}
            {isOver(run) ? null : (
              <span className="tl-nowl num" style={{ left: names + x(model.now) }}>
                {timeOfDay(new Date(model.now).toISOString(), withSeconds)}
              </span>
            )}
          </div>
          <div className="tl-grid" style={{ left: names, top: 32 }} aria-hidden="true">
            {marks.map((at) => (
              <i key={at} style={{ left: x(at) }} />
            ))}
          </div>
          {model.pauses.map((pause) => (
            <div key={pause.from} className="tl-pause" style={{ left: names + x(pause.from), width: Math.max(2, x(pause.to) - x(pause.from)), top: 32 }}>
              <span>Paused {clock(pause.to - pause.from)}</span>
            </div>
          ))}
          {isOver(run) ? null : <div className="tl-now" style={{ left: names + x(model.now), top: 32 }} aria-hidden="true" />}
          {rows.getVirtualItems().map((item) => {
            const row = all[item.index]!;
            if (row.kind === "phase") {
              return (
                <div key={row.key} className="tlx-row tl-band" style={{ transform: `translateY(${item.start}px)`, height: item.size }}>
                  <button type="button" className="tlx-name tlx-fold" style={{ width: names }} aria-expanded={query !== "" || !folded.has(row.key)} onClick={() => fold(row.key)}>
                    <Icon name="right" size="xs" />
                    <span className="cut">{row.label}</span>
                    <span className="muted num tlx-tally">
                      {row.done} of {row.steps}
                    </span>
                    {row.from !== null && row.to !== null ? <span className="num">{clock(row.to - row.from, row.isEnded)}</span> : null}
                  </button>
                  {row.from !== null && row.to !== null ? <span className="ph-span" style={{ left: names + x(row.from), width: Math.max(4, x(row.to) - x(row.from)) }} /> : null}
                </div>
              );
            }
            const { step } = row;
            const last = row.bars.at(-1);
            return (
              <div
                key={row.key}
                className={`tlx-row ${row.isItem ? "tl-row--sub" : "tl-row"} ${step.id === selected ? "sel" : ""}`}
                style={{ transform: `translateY(${item.start}px)`, height: item.size }}
                onClick={() => setSelected(step.id)}
              >
                <button type="button" className="tlx-name tlx-step" style={{ width: names }} onClick={() => onStep(step.step_id)}>
                  <StepIcon state={stepState(step, run)} />
                  <span className="tlx-t" title={step.name}>{row.isItem ? step.step_id : step.name}</span>
                  <span className="num">{step.started_at ? <Since exact from={step.started_at} to={step.completed_at} /> : ""}</span>
                </button>
                {row.bars.map((bar, index) => (
                  <Piece key={index} bar={bar} left={names + x(bar.from)} width={x(bar.to) - x(bar.from)} title={`${step.name}: ${clock(bar.to - bar.from, true)}`} />
                ))}
                {row.checkpoints.map((at) => (
                  <span key={at} className="cpm" style={{ left: names + x(at) }} title={`Checkpoint, ${timeOfDay(new Date(at).toISOString(), true)}`} />
                ))}
                {last && last.kind !== "plan" && step.status !== "running" && (step.session?.cost_usd || step.error_message) ? (
                  <span className="tb-l" style={{ left: names + Math.max(x(last.to), x(last.from) + 14) }}>
                    {step.error_message ? step.error_message.split("\n", 1)[0]!.slice(0, 60) : money(step.session?.cost_usd)}
                  </span>
                ) : null}
              </div>
            );
          })}
          {all.length === 0 ? <p className="tlx-none muted">No step is called like this.</p> : null}
        </div>
      </div>
      <Dock run={run} model={model} step={run.steps.find((each) => each.id === selected)} />
    </div>
  );
}

function Piece({ bar, left, width, title }: { bar: Bar; left: number; width: number; title: string }) {
  return (
    <span className={`tb tb--${bar.kind}`} style={{ left, width: Math.max(3, width) }} title={title}>
      {width > 14 + bar.text.length * 6 ? bar.text : ""}
    </span>
  );
}
