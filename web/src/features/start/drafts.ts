/** What was written into a form that was closed before its run started: it is there again, until the page is loaded anew. */
import type { JsonSchema } from "~/api/types";

export interface Draft {
  args: unknown;
  name: string;
  usd: string;
  minutes: string;
  tokens: string;
}

const drafts = new Map<string, Draft>();

export function draftOf(key: string): Draft | undefined {
  return drafts.get(key);
}

export function keepDraft(key: string, schema: JsonSchema, draft: Draft): void {
  drafts.set(key, { ...draft, args: withoutSecrets(schema, draft.args) });
}

export function dropDraft(key: string): void {
  drafts.delete(key);
}

/** What is hidden while it is written is not kept. */
export function withoutSecrets(schema: JsonSchema, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const kept = Object.entries(value).filter(([name]) => !isSecret(schema.properties?.[name]));
  return Object.fromEntries(kept.map(([name, each]) => [name, withoutSecrets(schema.properties?.[name] ?? {}, each)]));
}

function isSecret(schema: JsonSchema | undefined): boolean {
  return schema?.format === "password";
}
