/** A line of code with its colours, and marks where it changed. */
import { createLowlight, common } from "lowlight";
import { memo, type ReactNode } from "react";

const lowlight = createLowlight(common);

const languages: Record<string, string> = {
  ts: "typescript", tsx: "typescript", js: "javascript", jsx: "javascript", mjs: "javascript", cjs: "javascript", rs: "rust", py: "python", rb: "ruby",
  go: "go", java: "java", kt: "kotlin", swift: "swift", c: "c", h: "c", cpp: "cpp", cc: "cpp", hpp: "cpp", cs: "csharp", php: "php", css: "css",
  scss: "scss", less: "less", html: "xml", xml: "xml", svg: "xml", vue: "xml", json: "json", yaml: "yaml", yml: "yaml", toml: "ini", ini: "ini", md: "markdown",
  sh: "bash", bash: "bash", zsh: "bash", sql: "sql", lua: "lua", pl: "perl", r: "r", graphql: "graphql", diff: "diff", makefile: "makefile",
};

export function languageOf(path: string): string | null {
  const name = path.split("/").at(-1)?.toLowerCase() ?? "";
  return languages[name] ?? languages[name.split(".").at(-1) ?? ""] ?? null;
}

interface Node {
  type: string;
  value?: string;
  properties?: { className?: unknown };
  children?: Node[];
}

interface Piece {
  text: string;
  style: string;
}

const styles: Record<string, string> = {
  "hljs-keyword": "k", "hljs-built_in": "f", "hljs-type": "f", "hljs-literal": "k", "hljs-string": "s", "hljs-regexp": "s", "hljs-number": "s",
  "hljs-comment": "c", "hljs-quote": "c", "hljs-title": "f", "hljs-attr": "k", "hljs-attribute": "k", "hljs-name": "k", "hljs-tag": "k",
  "hljs-section": "f", "hljs-selector-class": "f", "hljs-selector-tag": "k", "hljs-meta": "c", "hljs-symbol": "s", "hljs-bullet": "k",
};

const LONGEST = 600;
const known = new Map<string, Piece[]>();

function pieces(text: string, language: string | null): Piece[] {
  if (!language || text.length > LONGEST) return [{ text, style: "" }];
  const key = `${language}\u0000${text}`;
  const found = known.get(key);
  if (found) return found;
  const made: Piece[] = [];
  const walk = (node: Node, style: string) => {
    if (node.type === "text") {
      if (node.value) made.push({ text: node.value, style });
      return;
    }
    const names = Array.isArray(node.properties?.className) ? (node.properties.className as string[]) : [];
    const own = names.map((name) => styles[name]).find(Boolean) ?? style;
    for (const child of node.children ?? []) walk(child, own);
  };
  try {
    walk(lowlight.highlight(language, text) as Node, "");
  } catch {
    made.push({ text, style: "" });
  }
  if (known.size > 20_000) known.clear();
  known.set(key, made);
  return made;
}

export const Code = memo(function Code({ text, language, marks = [] }: { text: string; language: string | null; marks?: [number, number][] }) {
  const shown: ReactNode[] = [];
  let at = 0;
  for (const [index, piece] of pieces(text, language).entries()) {
    let from = 0;
    while (from < piece.text.length) {
      const mark = marks.find(([start, end]) => at + from < end && at + from >= start);
      const next = mark ? mark[1] : Math.min(...marks.map(([start]) => (start > at + from ? start : Infinity)), Infinity);
      const to = Math.min(piece.text.length, next - at);
      const part = piece.text.slice(from, to);
      const key = `${index}-${from}`;
      const styled = piece.style ? (
        <span key={key} className={piece.style}>
          {part}
        </span>
      ) : (
        part
      );
      shown.push(mark ? <em key={key}>{styled}</em> : styled);
      from = to;
    }
    at += piece.text.length;
  }
  return <>{shown.length > 0 ? shown : " "}</>;
});
