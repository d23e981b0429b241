/** One clock for all that counts seconds. */
import { useEffect, useState, useSyncExternalStore } from "react";

let now = Date.now();
const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(() => {
    now = Date.now();
    for (const each of listeners) each();
  }, 1000);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  };
}

/** The time, told once a second; `false` for what stands still. */
export function useNow(ticks = true): number {
  return useSyncExternalStore(ticks ? subscribe : still, () => (ticks && listeners.size > 0 ? now : frozen()));
}

const still = () => () => undefined;
/** Stable between ticks, so that a render does not ask for another. */
function frozen(): number {
  if (Date.now() - now > 1000) now = Date.now();
  return now;
}

/** A value that has stood still for so long: what is typed, when it is to be asked for. */
export function useSettled<T>(value: T, ms: number): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), ms);
    return () => clearTimeout(timer);
  }, [value, ms]);
  return settled;
}
