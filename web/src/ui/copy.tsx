/** Something to copy, and the button for it. */
import { useState } from "react";
import { Button } from "./button";
import { useToast } from "./toast";

export function useCopy(): (text: string) => Promise<boolean> {
  const toast = useToast();
  return async (text) => {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      toast({ title: "The browser does not allow copying here", text: "Mark the text and copy it by hand." });
      return false;
    }
  };
}

export function CopyButton({ text, label = "Copy" }: { text: string | (() => string | Promise<string>); label?: string }) {
  const copy = useCopy();
  const [done, setDone] = useState(false);
  return (
    <Button
      kind="ghost"
      size="sm"
      icon={done ? "check" : "copy"}
      label={done ? "Copied" : label}
      onClick={async () => {
        if (!(await copy(typeof text === "string" ? text : await text()))) return;
        setDone(true);
        setTimeout(() => setDone(false), 1500);
      }}
    />
  );
}

export function Copy({ text }: { text: string }) {
  return (
    <span className="cmd">
      <span className="cut grow">{text}</span>
      <CopyButton text={text} label={`Copy ${text}`} />
    </span>
  );
}
