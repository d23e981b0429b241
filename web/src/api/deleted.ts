/** Runs that were deleted: told to the other tabs of this browser, because the server tells it to nobody. */

const NAME = "baton.deleted";
const channel = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel(NAME);

export function tellDeleted(run: string): void {
  channel?.postMessage(run);
}

export function onDeleted(listener: (run: string) => void): void {
  channel?.addEventListener("message", (event) => {
    if (typeof event.data === "string") listener(event.data);
  });
}
