/** Which address shows which page. What the first view does not need is loaded when it is opened. */
import { createRootRoute, createRoute, createRouter, lazyRouteComponent, redirect } from "@tanstack/react-router";
import { tabs } from "~/lib/paths";
import { BoardPage } from "~/features/board/board-page";
import { Shell } from "./shell";
import { Broken, NotHere } from "./broken";

const text = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" ? value : typeof value === "number" ? String(value) : undefined;

export interface Search {
  /** The definition a run is being started of; `pick` before one is chosen. */
  new?: string;
  step?: string;
  definition?: string;
  q?: string;
  show?: string;
  /** `hide`: without child runs. */
  kids?: string;
  section?: string;
  open?: string;
  from?: string;
  to?: string;
}

const names = ["new", "step", "definition", "q", "show", "kids", "section", "open", "from", "to"] as const;

const root = createRootRoute({
  component: Shell,
  notFoundComponent: NotHere,
  errorComponent: Broken,
  validateSearch: (search: Record<string, unknown>): Search => {
    const kept: Search = {};
    for (const name of names) {
      const value = text(search[name]);
      if (value !== undefined) kept[name] = value;
    }
    return kept;
  },
});

const board = createRoute({ getParentRoute: () => root, path: "/", component: BoardPage });

const run = createRoute({
  getParentRoute: () => root,
  path: "/runs/$run",
  beforeLoad: ({ params, search }) => {
    throw redirect({ to: "/runs/$run/$tab", params: { run: params.run, tab: "conversation" }, search, replace: true });
  },
});

const runTab = createRoute({
  getParentRoute: () => root,
  path: "/runs/$run/$tab",
  beforeLoad: ({ params }) => {
    if (!(tabs as readonly string[]).includes(params.tab)) {
      throw redirect({ to: "/runs/$run/$tab", params: { run: params.run, tab: "conversation" }, replace: true });
    }
  },
  component: lazyRouteComponent(() => import("~/features/run/run-page"), "RunPage"),
});

const later = () => import("~/features/tasks/later");

const templates = createRoute({
  getParentRoute: () => root,
  path: "/workflows",
  component: lazyRouteComponent(() => import("~/features/templates/templates-page"), "TemplatesPage"),
});
const tasks = createRoute({ getParentRoute: () => root, path: "/tasks", component: lazyRouteComponent(later, "TasksPage") });
const task = createRoute({ getParentRoute: () => root, path: "/tasks/$id", component: lazyRouteComponent(later, "TasksPage") });
const features = createRoute({ getParentRoute: () => root, path: "/features", component: lazyRouteComponent(later, "FeaturesPage") });
const feature = createRoute({ getParentRoute: () => root, path: "/features/$id", component: lazyRouteComponent(later, "FeaturesPage") });
const insights = createRoute({
  getParentRoute: () => root,
  path: "/insights",
  component: lazyRouteComponent(() => import("~/features/insights/insights-page"), "InsightsPage"),
});
const settings = createRoute({
  getParentRoute: () => root,
  path: "/settings",
  component: lazyRouteComponent(() => import("~/features/settings/settings-page"), "SettingsPage"),
});

export const router = createRouter({
  routeTree: root.addChildren([board, run, runTab, templates, tasks, task, features, feature, insights, settings]),
  defaultPreload: "intent",
  // Words in the address stay words: `?q=12` is a text.
  parseSearch: (search) => Object.fromEntries(new URLSearchParams(search)),
  stringifySearch: (search) => {
    const params = new URLSearchParams();
    for (const [name, value] of Object.entries(search)) if (typeof value === "string" && value !== "") params.set(name, value);
    const shown = params.toString();
    return shown ? `?${shown}` : "";
  },
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
