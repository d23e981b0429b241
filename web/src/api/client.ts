/** Speaks HTTP with the server: JSON in and out, refusals as `Problem`. */

export interface FieldError {
  pointer: string;
  detail: string;
}

/** A refusal of the server, or that it cannot be reached (`status` 0). */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail: string,
    readonly errors: FieldError[] = [],
  ) {
    super(detail);
    this.name = "Problem";
  }

  /** The server does not answer: it may be restarting. */
  get isOffline(): boolean {
    return this.status === 0;
  }
}

type Listener = () => void;
const signedOut = new Set<Listener>();

/** Calls back when the server no longer knows who this is. */
export function onSignedOut(listener: Listener): () => void {
  signedOut.add(listener);
  return () => signedOut.delete(listener);
}

/** What a refusal says. Where it is for want of a session, the page is told so. */
export function refusal(status: number, text: string): Problem {
  if (status === 401) for (const listener of signedOut) listener();
  let body: { code?: string; detail?: string; title?: string; errors?: FieldError[] } = {};
  try {
    body = (JSON.parse(text) ?? {}) as typeof body;
  } catch {
    // What lies between may answer without JSON.
  }
  const detail = body.detail ?? body.title ?? `The server answered ${status}.`;
  return new Problem(status, body.code ?? "unknown", detail, body.errors ?? []);
}

export function offline(): Problem {
  return new Problem(0, "offline", "The server does not answer. This page goes on by itself when it is back.");
}

/** Fetches from this origin; a refusal is thrown as a `Problem`. */
export async function send(path: string, init: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, { credentials: "same-origin", ...init });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw offline();
  }
  if (response.ok) return response;
  throw refusal(response.status, await response.text().catch(() => ""));
}

/** The JSON at a path. */
export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  const response = await send(path, { signal: signal ?? null, headers: { accept: "application/json" } });
  return (await response.json()) as T;
}

/** Sends JSON. `once` names the wish, so that a repeat of it does nothing twice. */
export async function write<T>(method: string, path: string, body?: unknown, once?: string): Promise<T> {
  const headers: Record<string, string> = { accept: "application/json" };
  if (body !== undefined) headers["content-type"] = "application/json";
  if (once) headers["idempotency-key"] = once;
  const response = await send(path, { method, headers, body: body === undefined ? null : JSON.stringify(body) });
  if (response.status === 204) return undefined as T;
  return (await response.json()) as T;
}

/** A query string, without what is empty. */
export function query(params: Record<string, string | number | undefined | null | string[]>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    if (value === undefined || value === null || value === "" || (Array.isArray(value) && value.length === 0)) continue;
    search.set(name, Array.isArray(value) ? value.join(",") : String(value));
  }
  const text = search.toString();
  return text ? `?${text}` : "";
}
