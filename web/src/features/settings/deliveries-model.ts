/** Pure: when deliveries are looked at again. */
import type { Delivery } from "~/api/types";

/** How long after an event, or after a delivery was due, it is looked for, in milliseconds. */
export const SOON = 600;

/**
 * Milliseconds until the next attempt of one that waits has been made; false when none waits. One that is late is looked
 * for again after as long as it is late, so that a server that hangs is not asked once a second.
 */
export function untilNext(deliveries: Delivery[] | undefined, now: number): number | false {
  const due = (deliveries ?? []).filter((each) => each.state === "waiting").map((each) => Date.parse(each.next_attempt_at ?? each.last_attempt_at ?? each.created_at) || now);
  if (due.length === 0) return false;
  const next = due.filter((at) => at > now);
  const late = due.filter((at) => at <= now).map((at) => now - at);
  return Math.min(...next.map((at) => at - now + SOON), ...late.map((ms) => Math.max(2 * SOON, ms)));
}
