/** What this browser remembers: small choices, never anything secret. */
import { useSyncExternalStore } from "react";

const listeners = new Map<string, Set<() => void>>();

function read(name: string): string | null {
  try {
    return localStorage.getItem(`baton.${name}`);
  } catch {
    return null;
  }
}

/** What was remembered, for what is not drawn. */
export const recalled = read;

export function remember(name: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(`baton.${name}`);
    else localStorage.setItem(`baton.${name}`, value);
  } catch {
    // Storage may be forbidden: then it holds for this page only, or not at all.
  }
  for (const listener of listeners.get(name) ?? []) listener();
}

export function useStored(name: string): string | null {
  return useSyncExternalStore(
    (listener) => {
      const all = listeners.get(name) ?? new Set();
      listeners.set(name, all.add(listener));
      return () => all.delete(listener);
    },
    () => read(name),
  );
}

/** The theme that was chosen, on the root; without a choice the system's. */
export function applyTheme(): void {
  const theme = read("theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
}
