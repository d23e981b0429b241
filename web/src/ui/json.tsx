/** JSON to read: cut where a page could not carry it. */
import { cut } from "~/lib/format";

const MOST = 100_000;

export function Json({ value }: { value: unknown }) {
  const text = JSON.stringify(value, null, 2) ?? "";
  const parts = cut(text, MOST).split(/("(?:[^"\\]|\\.)*"(?:\s*:)?)/);
  return (
    <pre className="block json">
      {parts.map((part, index) =>
        part.startsWith('"') ? (
          <span key={index} className={part.endsWith(":") ? "k" : "s"}>
            {part}
          </span>
        ) : (
          part
        ),
      )}
    </pre>
  );
}
