/** See markdown.tsx. */
import { memo, type ReactElement } from "react";
import ReactMarkdown, { type Components } from "react-markdown";
import rehypeSanitize, { defaultSchema } from "rehype-sanitize";
import remarkGfm from "remark-gfm";

const SAFE = /^(https?:|mailto:)/i;

const components: Components = {
  a: ({ href, children }) =>
    href && SAFE.test(href) ? (
      <a href={href} target="_blank" rel="noopener noreferrer nofollow">
        {children}
      </a>
    ) : (
      <span>{children}</span>
    ),
  // A picture would be a request to wherever the text says: its address is shown instead.
  img: ({ alt, src }) =>
    typeof src === "string" && SAFE.test(src) ? (
      <a href={src} target="_blank" rel="noopener noreferrer nofollow">
        {alt || src}
      </a>
    ) : (
      <span>{alt}</span>
    ),
  table: ({ children }) => (
    <div className="prose-table">
      <table>{children}</table>
    </div>
  ),
};

interface Node {
  type: string;
  children?: Node[];
}

/** HTML in a text is text: shown as it was written, and neither run nor lost. */
function htmlAsText() {
  const walk = (node: Node): void => {
    if (node.type === "raw") node.type = "text";
    node.children?.forEach(walk);
  };
  return walk;
}

const schema = { ...defaultSchema, tagNames: (defaultSchema.tagNames ?? []).filter((tag) => !["input", "picture", "source"].includes(tag)) };

/** What was made of a text lately: a thread that is scrolled shows the same messages again and again. */
const made = new Map<string, ReactElement>();
const KEPT = 500;
const LONGEST_KEPT = 4000;

function Rendered({ text }: { text: string }) {
  const known = made.get(text);
  if (known) return known;
  const element = render(text);
  if (text.length <= LONGEST_KEPT) {
    if (made.size >= KEPT) made.delete(made.keys().next().value!);
    made.set(text, element);
  }
  return element;
}

/** Called, not rendered as a component: what is kept is what came of it. */
function render(text: string): ReactElement {
  return ReactMarkdown({ remarkPlugins: [remarkGfm], rehypePlugins: [htmlAsText, [rehypeSanitize, schema]], components, children: text });
}

export default memo(Rendered);
