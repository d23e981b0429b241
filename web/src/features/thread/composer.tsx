/** The message box: says before sending where the words will go. */
import { useQueryClient } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { keys } from "~/api/queries";
import type { Action, Run } from "~/api/types";
import { stepForFiles, UploadList, useUploads } from "~/features/artifacts/uploads";
import { useOrders } from "~/features/orders/use-orders";
import { useMe } from "~/features/project/use-project";
import { canSay } from "~/lib/run-can";
import { isOver } from "~/lib/run-state";
import { remember } from "~/lib/stored";
import { shown } from "~/lib/shortcuts";
import { agentName } from "~/ui/badge";
import { Button } from "~/ui/button";
import { Pick } from "~/ui/menu";
import { useToast } from "~/ui/toast";

const actions: { value: Action; label: string }[] = [
  { value: "instruction", label: "Instruction" },
  { value: "comment", label: "Comment" },
  { value: "pause", label: "Pause" },
  { value: "resume", label: "Resume" },
  { value: "redirect", label: "Redirect" },
  { value: "cancel", label: "Cancel" },
];

const acts: Record<Action, string> = { instruction: "Send", comment: "Send", pause: "Pause", resume: "Resume", redirect: "Redirect", cancel: "Cancel run" };
const usual: Partial<Record<Action, string>> = { pause: "Please pause", resume: "Resume", cancel: "Cancel" };

/** Where the words will go. */
export function destination(run: Run, action: Action): string {
  switch (action) {
    case "comment":
      return "Stays in the thread; no agent is told";
    case "pause":
      return "Nothing new starts; paused when no step is running";
    case "resume":
      return "Goes on; your words become an instruction";
    case "cancel":
      return "Ends every process of this run at once";
    case "redirect":
      return "Cancels this run and starts a new one with your words, from the last checkpoint";
    case "instruction": {
      const live = run.steps.filter((step) => step.status === "running" && step.session);
      if (live.length > 0) return `Reaches ${live.map((step) => agentName(step.session!.agent ?? "the agent")).join(" and ")} while at work`;
      const next = run.steps.find((step) => step.status === "pending" && step.type === "agent");
      return next ? `No agent is at work: goes with the next prompt, ${next.name}` : "No agent is left to hear it: it may be ignored";
    }
  }
}

export function Composer({ run }: { run: Run }) {
  const orders = useOrders();
  const cache = useQueryClient();
  const toast = useToast();
  const me = useMe();
  const [text, setText] = useState(() => draft(run.id));
  const [wanted, setWanted] = useState<Action | null>(null);
  const uploads = useUploads(run, stepForFiles(run));
  // One that was refused belongs to the message it was sent with.
  const fresh = uploads.all.filter((each) => each.message === null);
  const [busy, setBusy] = useState(false);
  const pick = useRef<HTMLInputElement>(null);
  const box = useRef<HTMLTextAreaElement>(null);
  const hasAgents = run.steps.some((step) => step.type === "agent");
  const fallback: Action = isOver(run) || !hasAgents ? "comment" : "instruction";
  const action = wanted && canSay(run, wanted, me) === true ? wanted : fallback;
  const can = canSay(run, action, me);
  const needsWords = !(action in usual) && fresh.length === 0;

  const change = (value: string) => {
    setText(value);
    remember(`draft.${run.id}`, value || null);
  };

  const submit = async () => {
    const words = text.trim() || usual[action] || fresh.map((each) => each.file.name).join(", ");
    if (!words || busy) return;
    setBusy(true);
    const id = await orders.say(run, words, action);
    if (id !== null) {
      change("");
      setWanted(null);
      await uploads.send(uploads.all, id);
      void cache.invalidateQueries({ queryKey: keys.messages(run.id) });
    }
    setBusy(false);
    box.current?.focus();
  };

  return (
    <form
      className="composer"
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
      onDragOver={(event) => event.preventDefault()}
      onDrop={(event) => {
        event.preventDefault();
        uploads.add(event.dataTransfer.files);
      }}
    >
      <textarea
        ref={box}
        data-composer
        className="in"
        aria-label="Message this run"
        placeholder={isOver(run) ? "Comment on this run" : "Message this run"}
        rows={Math.min(8, Math.max(1, text.split("\n").length))}
        value={text}
        onChange={(event) => change(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter" && (event.metaKey || event.ctrlKey)) {
            event.preventDefault();
            void submit();
          }
          if (event.key === "Escape") event.currentTarget.blur();
        }}
        onPaste={(event) => {
          const pasted = [...event.clipboardData.files];
          if (pasted.length > 0) uploads.add(pasted);
        }}
      />
      <UploadList uploads={uploads} />
      <div className="f">
        <Pick
          small
          label="What the message does"
          value={action}
          options={actions.map((each) => {
            const may = canSay(run, each.value, me);
            return { ...each, can: may, ...(may === true ? { hint: destination(run, each.value) } : {}) };
          })}
          onPick={(picked) => {
            setWanted(picked);
            box.current?.focus();
          }}
        />
        <span className="t12 cut no-phone composer-where">{destination(run, action)}</span>
        <span className="grow" />
        <input
          ref={pick}
          type="file"
          multiple
          hidden
          onChange={(event) => {
            const chosen = [...(event.target.files ?? [])];
            if (chosen.some((file) => file.size > 100 * 1024 * 1024)) toast({ kind: "bad", title: "A file is larger than 100 MB", text: "The server may refuse it." });
            uploads.add(chosen);
            event.target.value = "";
          }}
        />
        <Button kind="ghost" size="sm" icon="file" label="Attach a file" onClick={() => pick.current?.click()} />
        <Button
          size="sm"
          type="submit"
          icon="send"
          busy={busy}
          can={can !== true ? can : needsWords && !text.trim() ? "Write something first" : true}
          keys={shown("mod+Enter")}
          kind={action === "cancel" ? "bad" : text.trim() || !needsWords ? "pri" : "default"}
        >
          {acts[action]}
        </Button>
      </div>
    </form>
  );
}

function draft(run: string): string {
  try {
    return localStorage.getItem(`baton.draft.${run}`) ?? "";
  } catch {
    return "";
  }
}
