/** Markdown of agents and people, without anything that runs or is fetched. Loaded when it is needed. */
import { lazy, Suspense } from "react";
import { cut } from "~/lib/format";

const Rendered = lazy(() => import("./markdown-rendered"));

/** More is shown as text: no message is worth a page that hangs. */
const MOST = 60_000;

/** Text in which Markdown would change nothing is shown at once, so that nothing jumps. */
const PLAIN = /^[^*_`#>[\]|<\\~\n]*$/;
const LIST = /^\s*(?:[-+]|\d+[.)])\s/;
const ADDRESS = /https?:\/\/|www\./;

export function Markdown({ text }: { text: string }) {
  if (text.length > MOST) return <div className="prose prose--plain">{cut(text, MOST * 4)}</div>;
  if (PLAIN.test(text) && !LIST.test(text) && !ADDRESS.test(text)) return <div className="prose">{text}</div>;
  return (
    <div className="prose">
      <Suspense fallback={<span className="prose--plain">{text}</span>}>
        <Rendered text={text} />
      </Suspense>
    </div>
  );
}
