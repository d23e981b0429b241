/** Pure: an entry of the audit trail in words for people. */
import type { Deed } from "~/api/types";

/** What stands for one segment of a path: anything. */
type Row = readonly [method: string, path: RegExp, words: string];

const run = "/api/workflow-executions";
const rows: Row[] = [
  ["POST", /^\/api\/auth\/(login|link)$/, "signed in"],
  ["POST", /^\/api\/auth\/logout$/, "signed out"],
  ["POST", /^\/api\/auth\/links$/, "made a link to sign in with"],
  ["POST", exactly(run), "started a run"],
  ["POST", below(run, "pause"), "paused a run"],
  ["POST", below(run, "resume"), "resumed a run"],
  ["POST", below(run, "cancel"), "cancelled a run"],
  ["POST", below(run, "retry"), "retried a run"],
  ["POST", below(run, "fork"), "forked a run"],
  ["POST", below(run, "artifacts"), "uploaded a file"],
  ["POST", below(run, "comments"), "commented"],
  ["DELETE", below(run), "deleted a run"],
  ["POST", below("/api/workflows", "messages"), "wrote a message"],
  ["POST", below("/api/workflow-steps", "approve"), "approved"],
  ["POST", below("/api/workflow-steps", "reject"), "rejected"],
  ["POST", below("/api/workflow-steps", "answer"), "answered a question"],
  ["POST", below("/api/workflow-steps", "skip-wait"), "ended a wait"],
  ["POST", exactly("/api/projects"), "added a project"],
  ["DELETE", below("/api/projects"), "forgot a project"],
  ["PUT", below("/api/projects", "members"), "changed a project's members"],
  ["DELETE", below("/api/projects", "members"), "made a project everybody's"],
  ["POST", below("/api/projects", "workflows/refresh"), "read a project's definitions again"],
  ["POST", exactly("/api/users"), "added a user"],
  ["PATCH", below("/api/users"), "changed a user"],
  ["DELETE", below("/api/users"), "removed a user"],
  ["POST", exactly("/api/tokens"), "made a token"],
  ["DELETE", below("/api/tokens"), "revoked a token"],
  ["POST", exactly("/api/webhooks"), "added a webhook"],
  ["PATCH", below("/api/webhooks"), "changed a webhook"],
  ["DELETE", below("/api/webhooks"), "removed a webhook"],
  ["POST", /^\/api\/webhooks\/[^/]+\/deliveries\/[^/]+\/resend$/, "sent a delivery again"],
  ["PUT", below("/api/secrets"), "set a secret"],
  ["DELETE", below("/api/secrets"), "removed a secret"],
];

function exactly(path: string): RegExp {
  return new RegExp(`^${path}$`);
}

function below(path: string, last?: string): RegExp {
  return new RegExp(`^${path}/[^/]+${last ? `/${last}` : ""}$`);
}

/** `null` for what has no words of its own: then the method and the path say it. */
export function deedWords(deed: Pick<Deed, "method" | "path">): string | null {
  return rows.find(([method, path]) => method === deed.method && path.test(deed.path))?.[2] ?? null;
}

/** Why it was not done; `null` when it was. */
export function refusal(status: number): string | null {
  if (status < 400) return null;
  if (status === 401 || status === 403) return "not allowed";
  return status >= 500 ? "failed" : "refused";
}
