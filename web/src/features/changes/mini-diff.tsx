/** A small diff within the thread. */
import { Icon } from "~/ui/icon";
import { Code, languageOf } from "./code";
import { type DiffFile, type DiffLine, parse } from "./diff-model";

const MOST = 80;

/** Agents give hunks without the head that names the file. */
function withHead(diff: string, path: string): string {
  return /^(diff --git|--- )/m.test(diff) ? diff : `--- a/${path}\n+++ b/${path}\n${diff}`;
}

/** Lines without a head of a hunk are lines all the same. */
function loose(diff: string): DiffLine[] {
  return diff.split("\n").map((line) => ({
    kind: line.startsWith("+") ? "add" : line.startsWith("-") ? "del" : "same",
    before: null,
    after: null,
    text: line.slice(/^[+\- ]/.test(line) ? 1 : 0),
  }));
}

export default function MiniDiff({ diff, path = "file" }: { diff: string; path?: string | undefined }) {
  const files: DiffFile[] = parse(withHead(diff, path)).filter((file) => file.hunks.length > 0);
  const shown = files.length > 0 ? files : [{ path, plus: 0, minus: 0, hunks: [{ head: "", lines: loose(diff) }] } as unknown as DiffFile];
  return (
    <>
      {shown.map((file) => {
        const lines = file.hunks.flatMap((hunk) => hunk.lines);
        const language = languageOf(file.path);
        return (
          <div className="diff diff--mini" key={file.path}>
            <div className="diff-h">
              <Icon name="file" size="sm" />
              <span className="cut">{file.path}</span>
              <span className="end">
                <span className="plus">+{file.plus}</span>
                <span className="minus">−{file.minus}</span>
              </span>
            </div>
            {lines.slice(0, MOST).map((line, index) => (
              <div key={index} className={`dl ${line.kind === "add" ? "dl--a" : line.kind === "del" ? "dl--d" : ""}`}>
                <i>{line.after ?? line.before}</i>
                <u>{line.kind === "add" ? "+" : line.kind === "del" ? "−" : ""}</u>
                <span>
                  <Code text={line.text.slice(0, 2000)} language={language} {...(line.marks ? { marks: line.marks } : {})} />
                </span>
              </div>
            ))}
            {lines.length > MOST ? <div className="diff-more">{lines.length - MOST} more lines: see Changes</div> : null}
          </div>
        );
      })}
    </>
  );
}
