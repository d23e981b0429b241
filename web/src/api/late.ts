/** What the socket says of something that is being read: the reading may be older, so it is put in once more after it. */
import type { QueryClient, QueryKey } from "@tanstack/react-query";

export class Late {
  #waiting = new Map<string, (() => void)[]>();

  constructor(readonly cache: QueryClient) {
    cache.getQueryCache().subscribe((event) => {
      if (event.type !== "updated" && event.type !== "removed") return;
      const all = this.#waiting.get(event.query.queryHash);
      if (!all || (event.type === "updated" && event.query.state.fetchStatus !== "idle")) return;
      this.#waiting.delete(event.query.queryHash);
      for (const put of all) put();
    });
  }

  /** Puts it in now, and again when what is being read under this key has come. It must not matter that it is twice. */
  put(key: QueryKey, put: () => void): void {
    put();
    const query = this.cache.getQueryCache().find({ queryKey: key, exact: true });
    if (!query || query.state.fetchStatus === "idle") return;
    const all = this.#waiting.get(query.queryHash);
    if (all) all.push(put);
    else this.#waiting.set(query.queryHash, [put]);
  }
}
