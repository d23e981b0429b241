/** A definition's text with what is wrong marked where it is, and what would be right below it. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useMemo, useRef } from "react";
import type { Diagnostic } from "~/api/types";

type Line = { kind: "text"; number: number; text: string; marks: Diagnostic[] } | { kind: "diagnostic"; diagnostic: Diagnostic };

export function Source({ text, diagnostics, goTo }: { text: string; diagnostics: Diagnostic[]; goTo?: Diagnostic | undefined }) {
  const box = useRef<HTMLDivElement>(null);
  const lines = useMemo(() => {
    const found: Line[] = [];
    for (const [index, line] of text.split("\n").entries()) {
      const marks = diagnostics.filter((each) => each.line === index + 1);
      found.push({ kind: "text", number: index + 1, text: line, marks });
      for (const diagnostic of marks) found.push({ kind: "diagnostic", diagnostic });
    }
    return found;
  }, [text, diagnostics]);
  const rows = useVirtualizer({
    count: lines.length,
    getScrollElement: () => box.current,
    estimateSize: (index) => (lines[index]!.kind === "text" ? 20 : 84),
    overscan: 20,
  });
  useEffect(() => {
    if (!goTo) return;
    const at = lines.findIndex((line) => line.kind === "diagnostic" && line.diagnostic === goTo);
    if (at >= 0) rows.scrollToIndex(at, { align: "center" });
  }, [goTo, lines, rows]);
  return (
    <div className="src" ref={box} tabIndex={0} role="region" aria-label="Text of the definition">
      <div className="virtual src-in" style={{ height: rows.getTotalSize() }}>
        {rows.getVirtualItems().map((row) => {
          const line = lines[row.index]!;
          return (
            <div key={row.key} data-index={row.index} ref={rows.measureElement} className="virtual-row" style={{ transform: `translateY(${row.start}px)` }}>
              {line.kind === "text" ? <TextLine line={line} /> : <About diagnostic={line.diagnostic} />}
            </div>
          );
        })}
      </div>
    </div>
  );
}

function TextLine({ line }: { line: Extract<Line, { kind: "text" }> }) {
  const worst = line.marks.some((mark) => mark.severity === "error") ? "err" : line.marks.length > 0 ? "warnl" : "";
  return (
    <div className={`src-line ${worst}`}>
      <i>{line.number}</i>
      <span>{line.marks[0] ? <Marked text={line.text} mark={line.marks[0]} /> : <Coloured text={line.text} />}</span>
    </div>
  );
}

function Marked({ text, mark }: { text: string; mark: Diagnostic }) {
  const letters = [...text];
  const from = mark.column - 1;
  const to = mark.end_line === mark.line ? Math.max(mark.end_column - 1, from + 1) : letters.length;
  return (
    <>
      {letters.slice(0, from).join("")}
      <span className={`wavy ${mark.severity === "warning" ? "wavy--warn" : ""}`}>{letters.slice(from, to).join("") || " "}</span>
      {letters.slice(to).join("")}
    </>
  );
}

const KEY = /^(\s*(?:-\s+)?)([\w-]+)(:)(.*)$/;

/** Enough of YAML to read it by: keys, comments, references. */
function Coloured({ text }: { text: string }) {
  if (/^\s*(#|\/\/)/.test(text)) return <span className="c">{text || " "}</span>;
  const key = KEY.exec(text);
  if (key) {
    return (
      <>
        {key[1]}
        <span className="k">{key[2]}</span>
        {key[3]}
        <References text={key[4] ?? ""} />
      </>
    );
  }
  return <References text={text || " "} />;
}

function References({ text }: { text: string }) {
  const parts = text.split(/(\{\{.*?\}\}|\s#.*$)/);
  return (
    <>
      {parts.map((part, index) =>
        part.startsWith("{{") ? (
          <span key={index} className="f">
            {part}
          </span>
        ) : /^\s#/.test(part) ? (
          <span key={index} className="c">
            {part}
          </span>
        ) : (
          part
        ),
      )}
    </>
  );
}

function About({ diagnostic }: { diagnostic: Diagnostic }) {
  return (
    <div className={`diag ${diagnostic.severity === "warning" ? "diag--warn" : ""}`}>
      <div>
        <b>{ticked(diagnostic.message)}</b>{" "}
        <span className="muted t12">
          line {diagnostic.line}, column {diagnostic.column}
        </span>
      </div>
      {diagnostic.help ? <div>{ticked(diagnostic.help)}</div> : null}
    </div>
  );
}

function ticked(text: string) {
  return text.split(/`([^`]+)`/).map((part, index) => (index % 2 === 1 ? <code key={index}>{part}</code> : part));
}
