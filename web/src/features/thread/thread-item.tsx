/** One entry of the thread. */
import { Link } from "@tanstack/react-router";
import { lazy, memo, type ReactNode, Suspense, useState } from "react";
import type { Message, Run, ToolUse } from "~/api/types";
import { ArtifactChip } from "~/features/artifacts/artifact-chip";
import { useMe } from "~/features/project/use-project";
import { clock, cut, initials, timeOfDay } from "~/lib/format";
import { plain } from "~/lib/ansi";
import { agentLetters, agentName } from "~/ui/badge";
import { Icon, type IconName } from "~/ui/icon";
import { Markdown } from "~/ui/markdown";
import { At } from "~/ui/time";
import { actionWords, type Item, summary, toolEnd, toolText, toolWord } from "./thread-model";

const MiniDiff = lazy(() => import("~/features/changes/mini-diff"));

export const ThreadItem = memo(function ThreadItem({ item, run, onStep }: { item: Item; run: Run; onStep: (key: string) => void }) {
  switch (item.kind) {
    case "message":
      return <Said message={item.message} lasted={item.lasted} run={run} onStep={onStep} />;
    case "said": {
      const agent = item.step.session?.agent ?? item.step.agent ?? "agent";
      return (
        <div className="msg">
          <span className="ava" aria-hidden="true">
            {agentLetters(agent)}
          </span>
          <div className="msg-b">
            <div className="msg-h">
              <b>{agentName(agent)}</b>
              <button type="button" className="msg-step cut" onClick={() => onStep(item.step.step_id)}>
                {item.step.name}
              </button>
              {item.tone === "plan" ? <span className="tag">Plan</span> : null}
              <At at={item.at} seconds />
            </div>
            <Markdown text={item.text} />
          </div>
        </div>
      );
    }
    case "tools":
      return (
        <div className="msg msg--tools">
          <span />
          <Tools tools={item.tools} notes={item.notes} from={item.at} until={item.until} />
        </div>
      );
    case "comments":
      return (
        <div className="msg msg--tools">
          <span />
          <Comments item={item} />
        </div>
      );
    case "note":
      return (
        <div className="sys sys--note">
          <span className="agent" aria-hidden="true">
            <i>{agentLetters(item.message.agent_type ?? workerOf(run, item.message.step_id))}</i>
          </span>
          <span className="sys-t anywhere">{cut(item.message.content, 1000)}</span>
          <At at={item.at} />
        </div>
      );
    case "system":
      return (
        <System icon={item.icon} isGap={item.isGap} at={item.at}>
          {cut(item.text, 400)}
        </System>
      );
  }
});

/** Who does a step: its agent, else what kind of step it is. */
function workerOf(run: Run, key: string | null): string {
  const step = run.steps.find((each) => each.step_id === key);
  return step?.session?.agent ?? step?.agent ?? step?.type ?? "agent";
}

function System({ icon, isGap, at, children }: { icon: IconName; isGap: boolean; at: string; children: ReactNode }) {
  return (
    <div className={`sys ${isGap ? "sys--gap" : ""}`}>
      <Icon name={icon} />
      <span className="sys-t anywhere">{children}</span>
      <At at={at} />
    </div>
  );
}

const actionTags: Record<string, string> = { instruction: "Instruction", pause: "Pause", resume: "Resume", cancel: "Cancel", redirect: "Redirect" };

function Said({ message, lasted, run, onStep }: { message: Message; lasted: string | undefined; run: Run; onStep: (key: string) => void }) {
  const me = useMe();
  if (message.message_type === "system") {
    const icon: IconName = /paus/i.test(message.content) ? "pause" : /resum/i.test(message.content) ? "play" : /cancel/i.test(message.content) ? "cancelled" : /limit|wait/i.test(message.content) ? "clock" : "message";
    return (
      <System icon={icon} isGap={icon === "pause" || icon === "clock"} at={message.created_at}>
        <Linked text={message.content} />
        {lasted ? <span className="num">, {lasted}</span> : null}
      </System>
    );
  }
  const isPerson = message.message_type === "user";
  const isYou = isPerson && (message.author === null || message.author?.id === me?.id);
  const name = message.author?.name ?? "Somebody";
  const step = message.step_id ? run.steps.find((each) => each.step_id === message.step_id) : undefined;
  const agent = message.agent_type ?? step?.session?.agent ?? step?.agent ?? "agent";
  const action = actionWords(message);
  const tag = actionTags[message.action_type];
  return (
    <div className="msg">
      <span className={`ava ${isYou ? "ava--you" : isPerson ? "ava--person" : ""}`} aria-hidden="true">
        {isYou ? "Y" : isPerson ? initials(name) : agentLetters(agent)}
      </span>
      <div className="msg-b">
        <div className="msg-h">
          <b className="cut">{isYou ? "You" : isPerson ? name : agentName(agent)}</b>
          {tag && isPerson ? <span className="tag">{tag}</span> : null}
          {step ? (
            <button type="button" className="msg-step cut" onClick={() => onStep(step.step_id)}>
              {step.name}
            </button>
          ) : null}
          <At at={message.created_at} seconds />
        </div>
        {message.metadata?.kind === "answer" ? (
          <Answer message={message} />
        ) : (
          <div className={isPerson ? "said" : ""}>
            <Markdown text={message.content} />
          </div>
        )}
        {(run.artifacts ?? []).filter((artifact) => artifact.workflow_comment_id === String(message.id)).map((artifact) => (
          <ArtifactChip key={artifact.id ?? artifact.name} artifact={artifact} />
        ))}
        {action ? (
          <div className="ack" data-status={message.action_status}>
            <Icon name={action.icon} />
            <span>{action.text}</span>
          </div>
        ) : null}
      </div>
    </div>
  );
}

/** What was asked, and what was decided. */
function Answer({ message }: { message: Message }) {
  const { asked, approved } = message.metadata as { asked?: string; approved?: boolean };
  return (
    <div className="said">
      {asked ? (
        <div className="asked anywhere">
          <Markdown text={cut(asked, 600)} />
        </div>
      ) : null}
      <div className="answer">
        {approved === undefined ? null : <Icon name={approved ? "check" : "close"} size="sm" />}
        <Markdown text={message.content} />
      </div>
    </div>
  );
}

/** A system message with the runs it names as links. */
function Linked({ text }: { text: string }) {
  return (
    <>
      {cut(text, 2000)
        .split(/((?:workflow|run) #\d+)/i)
        .map((part, index) => {
          const number = /#(\d+)$/.exec(part)?.[1];
          return index % 2 === 1 && number ? (
            <Link key={index} className="link" to="/runs/$run/$tab" params={{ run: number, tab: "conversation" }}>
              {part}
            </Link>
          ) : (
            part
          );
        })}
    </>
  );
}

function Fold({ head, end, children }: { head: ReactNode; end: string; children: () => ReactNode }) {
  const [isOpen, setOpen] = useState(false);
  return (
    <details className="tools" open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        <Icon name="right" />
        <span className="cut">{head}</span>
        <span className="at num">{end}</span>
      </summary>
      {isOpen ? children() : null}
    </details>
  );
}

/** More lines are shown when they are asked for. */
const PAGE = 60;

function Tools({ tools, notes, from, until }: { tools: ToolUse[]; notes: string[]; from: string; until: string }) {
  const { title, text } = summary(tools);
  const [most, setMost] = useState(PAGE);
  const ms = Date.parse(until) - Date.parse(from);
  const only = tools.length === 1 ? tools[0] : undefined;
  return (
    <Fold
      head={
        only ? (
          <>
            <b className="medium">{toolWord(only)}</b> <span className="m11">{cut(toolText(only), 160)}</span>
          </>
        ) : (
          <>
            <b className="medium">{title}</b>: {text}
          </>
        )
      }
      end={only ? toolEnd(only) : ms > 1000 ? clock(ms) : ""}
    >
      {() => (
        <>
          {notes.length > 0 ? <p className="tool-note">{cut(notes.join("\n\n"), 4000)}</p> : null}
          {tools.slice(0, most).map((tool) => (
            <Tool key={tool.id} tool={tool} isOpen={!!only} />
          ))}
          {tools.length > most ? (
            <button type="button" className="tool-more" onClick={() => setMost(most + PAGE)}>
              {tools.length - most} more
            </button>
          ) : null}
        </>
      )}
    </Fold>
  );
}

const toolIcons: Record<string, IconName> = { read: "review", edit: "edit", delete: "trash", move: "file", search: "search", execute: "terminal", fetch: "globe", subagent: "fork", think: "message", other: "features" };

function Tool({ tool, isOpen: startsOpen }: { tool: ToolUse; isOpen: boolean }) {
  const [isOpen, setOpen] = useState(startsOpen);
  const hasMore = !!tool.diff || !!tool.output || (tool.paths?.length ?? 0) > 1 || toolText(tool).length > 80;
  const isBad = tool.status === "failed" || tool.status === "denied" || (tool.exit_code !== undefined && tool.exit_code !== 0);
  return (
    <>
      <button type="button" className={`tool ${isBad ? "tool--bad" : ""}`} aria-expanded={isOpen} disabled={!hasMore} onClick={() => setOpen(!isOpen)}>
        <Icon name={toolIcons[tool.tool] ?? "features"} />
        <span className="cut">{toolWord(tool)}</span>
        <span className="m cut">{cut(toolText(tool), 300)}</span>
        <span className="num">{toolEnd(tool)}</span>
      </button>
      {isOpen ? (
        <div className="tool-in">
          {toolText(tool).length > 80 ? <pre className="block">{cut(toolText(tool), 4000)}</pre> : null}
          {tool.diff ? (
            <Suspense fallback={<pre className="block">{cut(tool.diff, 4000)}</pre>}>
              <MiniDiff diff={tool.diff} path={tool.paths?.[0]} />
            </Suspense>
          ) : null}
          {tool.output ? <pre className="block">{cut(plain(tool.output.replaceAll("\n", "\u2028")).replaceAll("\u2028", "\n"), 8000)}</pre> : null}
        </div>
      ) : null}
    </>
  );
}

function Comments({ item }: { item: Extract<Item, { kind: "comments" }> }) {
  const [most, setMost] = useState(PAGE);
  const last = item.messages.at(-1)!;
  if (item.messages.length === 1) {
    return (
      <div className="tools tools--one">
        <span className="cut anywhere">{cut(last.content, 300)}</span>
        <At at={last.created_at} />
      </div>
    );
  }
  return (
    <Fold
      head={
        <>
          <b className="medium">{item.messages.length} comments</b>: {cut(last.content.split("\n", 1)[0]!, 120)}
        </>
      }
      end={`${timeOfDay(item.at)} to ${timeOfDay(item.until)}`}
    >
      {() => (
        <>
          {item.messages.slice(0, most).map((message) => (
            <div key={message.id} className="tool-comment">
              <span className="anywhere grow">{cut(message.content, 500)}</span>
              <At at={message.created_at} />
            </div>
          ))}
          {item.messages.length > most ? (
            <button type="button" className="tool-more" onClick={() => setMost(most + PAGE)}>
              {item.messages.length - most} more
            </button>
          ) : null}
        </>
      )}
    </Fold>
  );
}
