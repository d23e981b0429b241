/** The live feed for the pages. */
import { useQueryClient } from "@tanstack/react-query";
import { createContext, type ReactNode, useContext, useEffect, useState, useSyncExternalStore } from "react";
import { Live } from "./live";
import type { Link } from "./socket";

const Context = createContext<Live | null>(null);

export function LiveProvider({ children }: { children: ReactNode }) {
  const cache = useQueryClient();
  const [live] = useState(() => new Live(cache));
  useEffect(() => {
    live.socket.open();
    return () => live.socket.close();
  }, [live]);
  return <Context.Provider value={live}>{children}</Context.Provider>;
}

export function useLive(): Live {
  const live = useContext(Context);
  if (!live) throw new Error("there is no LiveProvider above");
  return live;
}

export function useLink(): Link {
  const live = useLive();
  return useSyncExternalStore(live.onLink, () => live.link);
}

/** Hears of this for as long as the page is there. */
export function useTopic(topic: string | null): void {
  const live = useLive();
  useEffect(() => (topic ? live.socket.subscribe(topic) : undefined), [live, topic]);
}
