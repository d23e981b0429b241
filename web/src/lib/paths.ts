/** Every address of the app, made in one place. */

export const tabs = ["overview", "timeline", "graph", "conversation", "logs", "changes", "artifacts", "result"] as const;
export type Tab = (typeof tabs)[number];

const part = encodeURIComponent;

export const paths = {
  board: () => "/",
  run: (run: string | number, tab?: Tab) => `/runs/${part(String(run))}${tab ? `/${tab}` : ""}`,
  step: (run: string | number, step: string, tab: Tab = "overview") =>
    `/runs/${part(String(run))}/${tab}?step=${part(step)}`,
  templates: () => "/workflows",
  template: (key: string) => `/workflows?open=${part(key)}`,
  tasks: () => "/tasks",
  features: () => "/features",
  insights: () => "/insights",
  settings: (section?: string) => `/settings${section ? `?section=${part(section)}` : ""}`,
};
