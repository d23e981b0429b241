/** The one place that knows the server's paths. */
import { query } from "./client";

const id = encodeURIComponent;

export const endpoints = {
  me: () => "/api/auth/me",
  link: () => "/api/auth/link",
  login: () => "/api/auth/login",
  logout: () => "/api/auth/logout",
  health: () => "/healthz",
  socket: () => "/api/ws",
  projects: (page: { cursor?: string; limit?: number } = {}) => `/api/projects${query(page)}`,
  project: (project: string) => `/api/projects/${id(project)}`,
  members: (project: string) => `/api/projects/${id(project)}/members`,
  refresh: (project: string) => `/api/projects/${id(project)}/workflows/refresh`,
  definitions: (project?: string, page: { cursor?: string; limit?: number } = {}) => `/api/workflow-definitions${query({ project_id: project, ...page })}`,
  examples: (project: string) => `/api/projects/${id(project)}/workflows/examples`,
  definition: (definition: string) => `/api/workflow-definitions/${id(definition)}`,
  runs: (filter: Record<string, string | number | string[] | undefined | null> = {}) =>
    `/api/workflow-executions${query(filter)}`,
  run: (run: string) => `/api/workflow-executions/${id(run)}`,
  order: (run: string, order: "pause" | "resume" | "cancel" | "retry" | "fork") =>
    `/api/workflow-executions/${id(run)}/${order}`,
  rewindPreview: (run: string, to: string) => `/api/workflow-executions/${id(run)}/rewind-preview${query({ to })}`,
  read: (run: string) => `/api/workflow-executions/${id(run)}/read`,
  events: (run: string, types: string, cursor?: string) => `/api/workflow-executions/${id(run)}/events${query({ type: types, cursor, limit: 200 })}`,
  diff: (run: string, from?: string, to?: string) => `/api/workflow-executions/${id(run)}/diff${query({ from, to })}`,
  uploads: (run: string) => `/api/workflow-executions/${id(run)}/artifacts`,
  artifact: (artifact: string) => `/api/artifacts/${id(artifact)}`,
  attach: (artifact: string) => `/api/artifacts/${id(artifact)}/attach`,
  comments: (run: string) => `/api/workflow-executions/${id(run)}/comments`,
  messages: (run: string | number, page: { after?: number; limit?: number } = {}) => `/api/workflows/${id(String(run))}/messages${query(page)}`,
  step: (step: string) => `/api/workflow-steps/${id(step)}`,
  decide: (step: string, word: "approve" | "reject" | "answer" | "skip-wait") => `/api/workflow-steps/${id(step)}/${word}`,
  log: (step: string, type: string, params: { offset?: number; limit?: number; attempt?: number } = {}) =>
    `/api/workflow-steps/${id(step)}/logs/${type}${query(params)}`,
  activities: (step: string, params: { after?: string; attempt?: number; kind?: string[] } = {}) =>
    `/api/workflow-steps/${id(step)}/activities${query({ ...params, limit: 200 })}`,
  agents: () => "/api/agents",
  insights: (params: Record<string, string | undefined>) => `/api/insights${query(params)}`,
  users: () => "/api/users",
  user: (user: string) => `/api/users/${id(user)}`,
  tokens: () => "/api/tokens",
  token: (token: string) => `/api/tokens/${id(token)}`,
  webhooks: () => "/api/webhooks",
  webhook: (hook: string) => `/api/webhooks/${id(hook)}`,
  audit: (cursor?: string) => `/api/audit${query({ cursor, limit: 100 })}`,
  deliveries: (hook: string) => `/api/webhooks/${id(hook)}/deliveries`,
  resend: (hook: string, delivery: string) => `/api/webhooks/${id(hook)}/deliveries/${id(delivery)}/resend`,
  validate: () => "/api/workflow-definitions/validate",
};
