/** Short notices of what happens elsewhere. */
import * as Radix from "@radix-ui/react-toast";
import { type ReactNode, useCallback, useMemo, useState } from "react";
import { Problem } from "~/api/client";
import { Button } from "./button";
import { Icon, type IconName } from "./icon";
import { type Notice, Toasts, useToast } from "./use-toast";

export { useToast } from "./use-toast";

type Kept = Notice & { id: number };

const icons: Record<string, IconName> = { bad: "warn", you: "baton" };
const MOST = 3;
let next = 1;

export function ToastProvider({ children }: { children: ReactNode }) {
  const [notices, setNotices] = useState<Kept[]>([]);
  const show = useCallback((notice: Notice) => {
    setNotices((all) => [...all.filter((each) => each.title !== notice.title || each.text !== notice.text), { ...notice, id: next++ }].slice(-MOST));
  }, []);
  const drop = (id: number) => setNotices((all) => all.filter((each) => each.id !== id));
  return (
    <Toasts.Provider value={show}>
      <Radix.Provider duration={6000} swipeDirection="right" label="Notice">
        {children}
        {notices.map((notice) => (
          <Radix.Root
            key={notice.id}
            className={`toast ${notice.kind ? `toast--${notice.kind}` : ""}`}
            onOpenChange={(open) => !open && drop(notice.id)}
          >
            <Icon name={icons[notice.kind ?? ""] ?? "done"} />
            <div className="grow">
              <Radix.Title className="medium">{notice.title}</Radix.Title>
              {notice.text ? <Radix.Description className="t12 soft toast-text">{notice.text}</Radix.Description> : null}
            </div>
            {notice.act ? (
              <Radix.Action altText={notice.act.label} asChild>
                <Button size="sm" onClick={notice.act.run}>
                  {notice.act.label}
                </Button>
              </Radix.Action>
            ) : null}
            <Radix.Close asChild>
              <Button kind="ghost" size="sm" icon="close" label="Dismiss" />
            </Radix.Close>
          </Radix.Root>
        ))}
        <Radix.Viewport className="toasts" />
      </Radix.Provider>
    </Toasts.Provider>
  );
}

/** Says what the server refused. */
export function useRefusal(): (error: unknown, what: string) => void {
  const toast = useToast();
  return useMemo(
    () => (error, what) => {
      const text = error instanceof Problem ? error.detail : error instanceof Error ? error.message : "Something went wrong.";
      toast({ kind: "bad", title: what, text });
    },
    [toast],
  );
}
