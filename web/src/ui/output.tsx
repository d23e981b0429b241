/** What a program printed, with its colours; long ones are cut. */
import { spans } from "~/lib/ansi";
import { cut } from "~/lib/format";

export function Output({ text, most = 20_000, bad = false }: { text: string; most?: number; bad?: boolean }) {
  const lines = cut(text, most).replace(/\n$/, "").split("\n");
  return (
    <pre className={`block log-text ${bad ? "is-bad" : ""}`} tabIndex={0}>
      {lines.map((line, index) => (
        <span key={index}>
          {spans(line).map((span, at) =>
            span.style ? (
              <span key={at} className={span.style}>
                {span.text}
              </span>
            ) : (
              span.text
            ),
          )}
          {index < lines.length - 1 ? "\n" : ""}
        </span>
      ))}
    </pre>
  );
}
