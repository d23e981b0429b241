/** The one socket: subscribes, comes back with the last position after a break, and says how it is. */
import { endpoints } from "./endpoints";
import type { Told } from "./types";

export type Link = "connecting" | "live" | "offline";

/** The first wait before trying again, and the longest, in milliseconds. */
const FIRST_WAIT = 300;
const LONGEST_WAIT = 5_000;

export interface SocketEvents {
  told: (told: Told) => void;
  /** What was missed is not to be had: read everything anew. */
  resync: () => void;
  link: (link: Link) => void;
  /** From now on these are told: what was read before may miss what happened in between. */
  heard: (topics: string[] | "all") => void;
  /** A break is over, or this client was too slow, and all that is wanted is told again: not what happened without a position meanwhile. */
  back: () => void;
  /** It could not be opened: the server is away, or does not know who this is. */
  refused: () => void;
}

export class LiveSocket {
  #socket: WebSocket | null = null;
  #topics = new Map<string, number>();
  #pos: number | undefined;
  #wait = FIRST_WAIT;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = true;
  #wasLive = false;
  /** Whether something was subscribed to on this connection already. */
  #later = false;

  constructor(readonly events: SocketEvents) {}

  open(): void {
    if (!this.#closed) return;
    this.#closed = false;
    this.#connect();
    addEventListener("online", this.#hurry);
    document.addEventListener("visibilitychange", this.#hurry);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    removeEventListener("online", this.#hurry);
    document.removeEventListener("visibilitychange", this.#hurry);
    this.#socket?.close();
    this.#socket = null;
  }

  /** Wants to hear of this; the answer ends that. */
  subscribe(topic: string): () => void {
    const count = this.#topics.get(topic) ?? 0;
    this.#topics.set(topic, count + 1);
    if (count === 0) this.#say({ type: "subscribe", topics: [topic] });
    let ended = false;
    return () => {
      if (ended) return;
      ended = true;
      const left = (this.#topics.get(topic) ?? 1) - 1;
      if (left > 0) {
        this.#topics.set(topic, left);
        return;
      }
      this.#topics.delete(topic);
      this.#say({ type: "unsubscribe", topics: [topic] });
    };
  }

  #hurry = () => {
    if (document.visibilityState === "hidden" || this.#socket || this.#closed) return;
    clearTimeout(this.#timer);
    this.#connect();
  };

  #say(word: unknown): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(word));
  }

  #connect(): void {
    this.events.link(this.#wasLive ? "offline" : "connecting");
    const address = new URL(endpoints.socket(), location.href);
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(address);
    this.#socket = socket;
    let wasOpen = false;
    socket.onopen = () => {
      wasOpen = true;
      // Until the first subscription everything is told, so there is no gap between the two.
      if (this.#wasLive) this.events.back();
      else this.events.heard("all");
      this.#later = false;
      this.#wait = FIRST_WAIT;
      const topics = [...this.#topics.keys()];
      if (topics.length > 0) this.#say({ type: "subscribe", topics, after: this.#pos });
      // Without a position to go on from, what happened meanwhile is read.
      if (this.#wasLive && this.#pos === undefined) this.events.resync();
      this.#wasLive = true;
      this.events.link("live");
    };
    socket.onmessage = (message) => {
      const told = parse(message.data);
      if (!told) return;
      if (told.type === "subscribed") {
        if (this.#later) this.events.heard((told.data.topics as string[] | undefined) ?? []);
        this.#later = true;
        return;
      }
      if (told.type === "resync") {
        this.#pos = undefined;
        this.events.resync();
        return;
      }
      if (told.type === "gap") {
        this.events.back();
        return;
      }
      if (told.pos !== undefined) {
        // A repeat.
        if (this.#pos !== undefined && told.pos <= this.#pos) return;
        this.#pos = told.pos;
      }
      this.events.told(told);
    };
    socket.onclose = () => {
      if (this.#socket === socket) this.#socket = null;
      if (this.#closed) return;
      if (!wasOpen) this.events.refused();
      this.events.link("offline");
      this.#timer = setTimeout(() => this.#connect(), this.#wait * (0.75 + Math.random() / 2));
      this.#wait = Math.min(this.#wait * 1.7, LONGEST_WAIT);
    };
  }
}

function parse(text: unknown): Told | null {
  try {
    const told = JSON.parse(String(text)) as Told;
    return typeof told.type === "string" ? { ...told, data: told.data ?? {} } : null;
  } catch {
    return null;
  }
}
