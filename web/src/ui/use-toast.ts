/** Showing a short notice, for all that need not know how one looks. */
import { createContext, useContext } from "react";

export interface Notice {
  title: string;
  text?: string;
  kind?: "info" | "bad" | "you";
  act?: { label: string; run: () => void };
}

export const Toasts = createContext<(notice: Notice) => void>(() => undefined);

export function useToast(): (notice: Notice) => void {
  return useContext(Toasts);
}
