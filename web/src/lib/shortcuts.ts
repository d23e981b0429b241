/** Keys. One listener; what was added last answers first, so a page goes before the shell. */
import { useEffect, useRef } from "react";

export interface Shortcut {
  /** As `event.key`, a sequence with a space (`g b`), or `mod+k`. */
  keys: string;
  does: string;
  run: (event: KeyboardEvent) => void;
}

const layers: { current: Shortcut[] }[] = [];
let pending = "";
let pendingTimer: ReturnType<typeof setTimeout> | undefined;

export function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

/** Whether something that floats has the keys. */
function isOverlaid(): boolean {
  return document.querySelector('[role="dialog"], [role="menu"], [role="alertdialog"]') !== null;
}

function onKey(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.isComposing) return;
  const mod = event.metaKey || event.ctrlKey;
  const key = mod ? `mod+${event.key.toLowerCase()}` : event.key;
  if (!mod && (isTyping(event.target) || isOverlaid() || event.altKey)) return;
  const tried = pending ? [`${pending} ${key}`, key] : [key];
  clearTimeout(pendingTimer);
  pending = "";
  for (const keys of tried) {
    for (const layer of [...layers].reverse()) {
      const found = layer.current.find((shortcut) => shortcut.keys === keys);
      if (found) {
        event.preventDefault();
        found.run(event);
        return;
      }
    }
  }
  if (!mod && layers.some((layer) => layer.current.some((shortcut) => shortcut.keys.startsWith(`${key} `)))) {
    pending = key;
    pendingTimer = setTimeout(() => {
      pending = "";
    }, 1200);
  }
}

export function useShortcuts(shortcuts: Shortcut[]): void {
  const layer = useRef(shortcuts);
  useEffect(() => {
    layer.current = shortcuts;
  });
  useEffect(() => {
    if (layers.length === 0) addEventListener("keydown", onKey);
    layers.push(layer);
    return () => {
      layers.splice(layers.indexOf(layer), 1);
      if (layers.length === 0) removeEventListener("keydown", onKey);
    };
  }, []);
}

const isApple = typeof navigator !== "undefined" && /Mac|iP(hone|ad)/.test(navigator.userAgent);

/** A key as people see it on theirs. */
export function shown(keys: string): string {
  return keys
    .replace("mod+", isApple ? "⌘" : "Ctrl ")
    .replace("Enter", "↵")
    .replace(/\b[a-z]\b/g, (letter) => letter.toUpperCase());
}
