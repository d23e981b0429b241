/** Files with what changed in them; of any number of lines only those in view are drawn. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { memo, useEffect, useMemo, useRef, useState } from "react";
import { Icon } from "~/ui/icon";
import { Code, languageOf } from "./code";
import { type DiffFile, type DiffLine, type Row, rowsOf } from "./diff-model";

const LONGEST = 2000;
/** Files with more lines than this begin folded. */
const LONG_FILE = 3000;

interface Props {
  files: DiffFile[];
  isSplit: boolean;
  viewed: Set<string>;
  onViewed: (path: string, on: boolean) => void;
  goTo: { path: string; at: number } | null;
}

export function DiffView({ files, isSplit, viewed, onViewed, goTo }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const [folded, setFolded] = useState<Set<string>>(() => new Set(files.filter((file) => file.plus + file.minus > LONG_FILE).map((file) => file.path)));
  const rows = useMemo(() => rowsOf(files, folded, isSplit), [files, folded, isSplit]);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => box.current,
    estimateSize: (index) => ({ file: 40, hunk: 28, line: 20, pair: 20, note: 32 })[rows[index]!.kind],
    overscan: 30,
    paddingEnd: 24,
  });
  useEffect(() => {
    if (!goTo) return;
    const at = rows.findIndex((row) => row.kind === "file" && row.file.path === goTo.path);
    if (at >= 0) virtual.scrollToIndex(at, { align: "start" });
    // Only when another file is chosen.
  }, [goTo]);
  const fold = (path: string, on: boolean) =>
    setFolded((before) => {
      const next = new Set(before);
      if (on) next.add(path);
      else next.delete(path);
      return next;
    });
  return (
    <div className="diffv" ref={box} tabIndex={0} role="region" aria-label="What changed">
      <div className="virtual" style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map((item) => {
          const row = rows[item.index]!;
          return (
            <div key={item.key} data-index={item.index} ref={virtual.measureElement} className="virtual-row" style={{ transform: `translateY(${item.start}px)` }}>
              {row.kind === "file" ? (
                <FileHead
                  file={row.file}
                  isOpen={row.isOpen}
                  isViewed={viewed.has(row.file.path)}
                  onFold={() => fold(row.file.path, row.isOpen)}
                  onViewed={(on) => {
                    onViewed(row.file.path, on);
                    fold(row.file.path, on);
                  }}
                />
              ) : (
                <DiffRow row={row} />
              )}
            </div>
          );
        })}
      </div>
    </div>
  );
}

function FileHead({ file, isOpen, isViewed, onFold, onViewed }: { file: DiffFile; isOpen: boolean; isViewed: boolean; onFold: () => void; onViewed: (on: boolean) => void }) {
  return (
    <div className={`diff-file ${isOpen ? "" : "is-folded"}`}>
      <button type="button" className="diff-fold" aria-expanded={isOpen} onClick={onFold}>
        <Icon name={isOpen ? "down" : "right"} size="xs" />
        <span className="cut" title={file.path}>
          {file.oldPath ? `${file.oldPath} → ` : ""}
          {file.path}
        </span>
      </button>
      {file.change === "modified" ? null : <span className="tag">{file.change}</span>}
      <span className="num plus">+{file.plus}</span>
      <span className="num minus">−{file.minus}</span>
      <label className="check t12">
        <input type="checkbox" checked={isViewed} onChange={(event) => onViewed(event.target.checked)} aria-label={`${file.path} viewed`} />
        <span className="box" aria-hidden="true">
          <Icon name="check" />
        </span>
        <span className="no-phone">Viewed</span>
      </label>
    </div>
  );
}

const DiffRow = memo(function DiffRow({ row }: { row: Exclude<Row, { kind: "file" }> }) {
  const language = languageOf(row.file.path);
  switch (row.kind) {
    case "hunk":
      return (
        <div className="dl dl--h">
          <span />
          <span className="cut">{row.head}</span>
        </div>
      );
    case "note":
      return <div className="diff-note muted">{row.text}</div>;
    case "line":
      return (
        <div className={`dl ${row.line.kind === "add" ? "dl--a" : row.line.kind === "del" ? "dl--d" : ""}`}>
          <i>{row.line.before}</i>
          <i>{row.line.after}</i>
          <u>{row.line.kind === "add" ? "+" : row.line.kind === "del" ? "−" : ""}</u>
          <Text line={row.line} language={language} />
        </div>
      );
    case "pair":
      return (
        <div className="dl-pair">
          <Side line={row.left} number={row.left?.before ?? null} language={language} />
          <Side line={row.right} number={row.right?.after ?? null} language={language} />
        </div>
      );
  }
});

function Side({ line, number, language }: { line: DiffLine | null; number: number | null; language: string | null }) {
  if (!line) return <div className="dl dl--none" />;
  return (
    <div className={`dl ${line.kind === "add" ? "dl--a" : line.kind === "del" ? "dl--d" : ""}`}>
      <i>{number}</i>
      <u>{line.kind === "add" ? "+" : line.kind === "del" ? "−" : ""}</u>
      <Text line={line} language={language} />
    </div>
  );
}

function Text({ line, language }: { line: DiffLine; language: string | null }) {
  const isLong = line.text.length > LONGEST;
  return (
    <span>
      <Code text={isLong ? line.text.slice(0, LONGEST) : line.text} language={language} {...(line.marks ? { marks: line.marks } : {})} />
      {isLong ? <span className="muted"> … {(line.text.length - LONGEST).toLocaleString("en-US")} more characters</span> : null}
    </span>
  );
}
