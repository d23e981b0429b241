/** What a person must answer, docked above the message box so that it cannot scroll away. */
import { lazy, Suspense, useState } from "react";
import type { ChoiceItem, Question, Run } from "~/api/types";
import { useOrders } from "~/features/orders/use-orders";
import { useMe } from "~/features/project/use-project";
import { cut, dayAndTime, plural } from "~/lib/format";
import { canAct } from "~/lib/run-can";
import { type Ask, asks } from "~/lib/run-state";
import { Button } from "~/ui/button";
import { Icon } from "~/ui/icon";
import { Json } from "~/ui/json";
import { Markdown } from "~/ui/markdown";
import { Since } from "~/ui/time";

const MiniDiff = lazy(() => import("~/features/changes/mini-diff"));

export function AskDock({ run }: { run: Run }) {
  const all = asks(run);
  const [at, setAt] = useState(0);
  const ask = all[Math.min(at, all.length - 1)];
  if (!ask) return null;
  const question = ask.questions[0];
  return (
    <div className="ask" data-ask tabIndex={-1} role="group" aria-label={ask.kind === "approval" ? "Approval" : "Question"} key={`${ask.step.id}-${question?.id ?? ""}`}>
      {all.length > 1 ? (
        <div className="ask-pages">
          <span>
            {Math.min(at, all.length - 1) + 1} of {plural(all.length, "answer")} needed
          </span>
          <button type="button" onClick={() => setAt((at + 1) % all.length)}>
            Next
          </button>
        </div>
      ) : null}
      {question ? <QuestionAsk ask={ask} question={question} /> : <Approval ask={ask} />}
    </div>
  );
}

/** What happens when nobody answers. */
function then({ step }: Ask): string {
  switch (step.waiting?.then) {
    case "approve":
      return ", then it is approved";
    case "reject":
      return ", then it is rejected";
    case "fail":
      return ", then the step fails";
    default:
      return "";
  }
}

function Head({ title, ask }: { title: string; ask: Ask }) {
  return (
    <div className="ask-h">
      <Icon name="baton" />
      <b className="strong ask-title">{title}</b>
      <span className="at">
        {ask.until ? `open until ${dayAndTime(ask.until)}${then(ask)}` : null}
        {ask.until ? null : <Since from={ask.since} />}
      </span>
    </div>
  );
}

function Decide({ yes, no, onYes, onNo, extra }: { yes: string; no: string; onYes: (message: string) => Promise<boolean>; onNo: (message: string) => Promise<boolean>; extra?: React.ReactNode }) {
  const me = useMe();
  const [reason, setReason] = useState<string | null>(null);
  const [busy, setBusy] = useState<"yes" | "no" | null>(null);
  const can = canAct(me);
  const send = async (word: "yes" | "no") => {
    setBusy(word);
    await (word === "yes" ? onYes(reason ?? "") : onNo(reason ?? ""));
    setBusy(null);
  };
  if (reason !== null) {
    return (
      <>
        <div className="ask-b">
          <textarea
            className="input"
            autoFocus
            rows={2}
            placeholder="Why, or what should be different?"
            aria-label="Reason"
            value={reason}
            onChange={(event) => setReason(event.target.value)}
            onKeyDown={(event) => {
              if (event.key === "Escape") setReason(null);
            }}
          />
        </div>
        <div className="ask-f">
          <Button kind="bad" icon="close" busy={busy === "no"} can={can} onClick={() => void send("no")}>
            {no}
          </Button>
          <Button icon="check" busy={busy === "yes"} can={can} onClick={() => void send("yes")}>
            {yes} with these words
          </Button>
          <Button kind="ghost" onClick={() => setReason(null)}>
            Back
          </Button>
        </div>
      </>
    );
  }
  return (
    <div className="ask-f">
      <Button kind="pri" icon="check" busy={busy === "yes"} can={can} onClick={() => void send("yes")}>
        {yes}
      </Button>
      {extra}
      <Button can={can} onClick={() => setReason("")}>
        {no} with a reason
      </Button>
    </div>
  );
}

function Approval({ ask }: { ask: Ask }) {
  const orders = useOrders();
  const text = (ask.step.waiting?.detail ?? "").trim();
  const [first, ...rest] = text.split("\n");
  const title = first && first.length <= 120 ? first : `Approve ${ask.step.name}?`;
  const body = first && first.length <= 120 ? rest.join("\n").trim() : text;
  return (
    <>
      <Head title={title} ask={ask} />
      {body ? (
        <div className="ask-b ask-scroll">
          <Markdown text={body} />
        </div>
      ) : (
        <div className="ask-b ask-b--thin muted t12">
          <p>
            Step <code>{ask.step.step_id}</code> waits for you{ask.until ? "" : " as long as it takes"}.
          </p>
        </div>
      )}
      <Decide
        yes="Approve"
        no="Reject"
        onYes={(message) => orders.approve(ask.step, message ? { message } : {})}
        onNo={(message) => orders.reject(ask.step, message ? { message } : {})}
      />
    </>
  );
}

function QuestionAsk({ ask, question }: { ask: Ask; question: Question }) {
  const me = useMe();
  const orders = useOrders();
  const id = { question_id: question.id };
  switch (question.ask.asks) {
    case "permission":
      return (
        <>
          <Head title={`${ask.step.name} asks: may it use ${question.ask.tool}?`} ask={ask} />
          <div className="ask-b ask-scroll">
            {question.text && question.text !== question.ask.tool ? <span className="prose anywhere">{cut(question.text, 1000)}</span> : null}
            <Input value={question.ask.input} />
          </div>
          <Decide
            yes="Allow"
            no="Deny"
            onYes={(message) => orders.approve(ask.step, { ...id, ...(message ? { message } : {}) })}
            onNo={(message) => orders.reject(ask.step, { ...id, ...(message ? { message } : {}) })}
            extra={question.ask.can_remember ? <Button can={canAct(me)} onClick={() => void orders.approve(ask.step, { ...id, remember: true })}>Allow, and do not ask again</Button> : null}
          />
        </>
      );
    case "plan":
      return (
        <>
          <Head title={`${ask.step.name} has a plan`} ask={ask} />
          <div className="ask-b ask-scroll">
            <Markdown text={question.ask.plan} />
          </div>
          <Decide
            yes="Approve the plan"
            no="Reject"
            onYes={(message) => orders.approve(ask.step, { ...id, ...(message ? { message } : {}) })}
            onNo={(message) => orders.reject(ask.step, { ...id, ...(message ? { message } : {}) })}
          />
        </>
      );
    case "choices":
      return <Choices ask={ask} question={question} items={question.ask.items} />;
  }
}

function Input({ value }: { value: unknown }) {
  const command = typeof value === "object" && value !== null && "command" in value ? (value as { command: unknown }).command : undefined;
  if (typeof command === "string") return <pre className="block">{cut(command, 4000)}</pre>;
  const change = typeof value === "object" && value !== null && "diff" in value ? (value as { diff: unknown; paths?: unknown }) : undefined;
  if (typeof change?.diff === "string") {
    const path = Array.isArray(change.paths) ? String(change.paths[0]) : undefined;
    return (
      <Suspense fallback={<pre className="block">{cut(change.diff, 4000)}</pre>}>
        <MiniDiff diff={change.diff} path={path} />
      </Suspense>
    );
  }
  return <Json value={value} />;
}

function Choices({ ask, question, items }: { ask: Ask; question: Question; items: ChoiceItem[] }) {
  const me = useMe();
  const orders = useOrders();
  const [answers, setAnswers] = useState<Record<string, string[]>>({});
  const [own, setOwn] = useState<Record<string, string>>({});
  const [busy, setBusy] = useState(false);
  const given = (item: ChoiceItem) => [...(answers[item.question] ?? []), ...(own[item.question]?.trim() ? [own[item.question]!.trim()] : [])];
  const missing = items.filter((item) => given(item).length === 0);
  const send = async () => {
    setBusy(true);
    await orders.answer(ask.step, { question_id: question.id, answers: Object.fromEntries(items.map((item) => [item.question, given(item)])) });
    setBusy(false);
  };
  return (
    <>
      <Head title={items.length === 1 ? items[0]!.question : `${ask.step.name} asks ${plural(items.length, "question")}`} ask={ask} />
      <div className="ask-b ask-scroll">
        {items.map((item) => (
          <fieldset key={item.question} className="choices">
            <legend className={items.length === 1 ? "sr" : "medium"}>{item.question}</legend>
            {item.options.map((option) => (
              <label key={option.label} className="choice">
                <input
                  type={item.multiple ? "checkbox" : "radio"}
                  name={`${question.id}-${item.question}`}
                  checked={(answers[item.question] ?? []).includes(option.label)}
                  onChange={(event) => {
                    const before = answers[item.question] ?? [];
                    const next = item.multiple ? (event.target.checked ? [...before, option.label] : before.filter((each) => each !== option.label)) : [option.label];
                    setAnswers({ ...answers, [item.question]: next });
                    if (!item.multiple) setOwn({ ...own, [item.question]: "" });
                  }}
                />
                <span>
                  <span className="medium">{option.label}</span>
                  {option.description && option.description !== option.label ? <span className="muted t12 block-line">{option.description}</span> : null}
                </span>
              </label>
            ))}
            <input
              className="input"
              aria-label={`Your own answer to: ${item.question}`}
              placeholder={item.options.length > 0 ? "or in your own words" : "Your answer"}
              value={own[item.question] ?? ""}
              onChange={(event) => {
                setOwn({ ...own, [item.question]: event.target.value });
                if (!item.multiple && event.target.value) setAnswers({ ...answers, [item.question]: [] });
              }}
            />
          </fieldset>
        ))}
      </div>
      <div className="ask-f">
        <Button kind="pri" icon="send" busy={busy} can={canAct(me) !== true ? canAct(me) : missing.length > 0 ? `${plural(missing.length, "question")} without an answer` : true} onClick={() => void send()}>
          Send {items.length === 1 ? "answer" : "answers"}
        </Button>
      </div>
    </>
  );
}
