/** What is around every page: where to go, what needs you, and how the link to the server is. */
import { useQuery } from "@tanstack/react-query";
import { Link, Outlet, useLocation, useNavigate, useSearch } from "@tanstack/react-router";
import { lazy, Suspense, useEffect, useState } from "react";
import { useLink, useTopic } from "~/api/live-react";
import { queries } from "~/api/queries";
import type { Project, Run } from "~/api/types";
import { paths } from "~/lib/paths";
import { asks } from "~/lib/run-state";
import { useShortcuts } from "~/lib/shortcuts";
import { Coming, PaletteComing } from "~/features/palette/coming";
import { useElsewhere } from "~/features/project/use-elsewhere";
import { useProject } from "~/features/project/use-project";
import { useNotices } from "~/features/board/use-notices";
import { Icon, type IconName, Mark, StateIcon } from "~/ui/icon";
import { Menu } from "~/ui/menu";

const fetchPalette = () => import("~/features/palette/palette");
const fetchNewRun = () => import("~/features/start/new-run");
const fetchHelp = () => import("~/features/palette/help");
const Palette = lazy(fetchPalette);
const NewRun = lazy(fetchNewRun);
const Help = lazy(fetchHelp);
const Asked = lazy(() => import("~/features/run/asked"));

/** When what a key opens is fetched, so that it is there when the key is pressed. */
const FETCH_AFTER_MS = 1500;

const places: { to: string; label: string; icon: IconName; keys: string; isNarrow: boolean }[] = [
  { to: paths.board(), label: "Board", icon: "board", keys: "g b", isNarrow: true },
  { to: paths.templates(), label: "Templates", icon: "templates", keys: "g w", isNarrow: true },
  { to: paths.tasks(), label: "Tasks", icon: "tasks", keys: "g t", isNarrow: true },
  { to: paths.features(), label: "Features", icon: "features", keys: "g f", isNarrow: false },
  { to: paths.insights(), label: "Insights", icon: "insights", keys: "g i", isNarrow: false },
];

export function Shell() {
  const { project, projects, choose } = useProject();
  const { pathname } = useLocation();
  const search = useSearch({ from: "__root__" });
  const navigate = useNavigate();
  /** What is typed in it, at first; null when it is closed. */
  const [palette, setPalette] = useState<string | null>(null);
  const [help, setHelp] = useState(false);
  const [asked, setAsked] = useState<{ what: "cancel" | "fork"; run: Run } | null>(null);
  const { data: board } = useQuery(queries.board(project?.id ?? ""));
  const { data: definitions } = useQuery(queries.definitions(project?.id ?? ""));
  useTopic(project ? `project:${project.id}` : null);
  const elsewhere = useElsewhere();
  useNotices();
  /** Its name, and how many of its runs need you. */
  const named = (each: Project) => {
    const n = elsewhere.filter((run) => run.project_id === each.id).length;
    return n === 0 ? each.name : <NeedsYou n={n}>{each.name}</NeedsYou>;
  };

  const waiting = (board?.runs ?? []).filter((run) => asks(run).length > 0);
  const isRun = pathname.startsWith("/runs/");
  const close = () => void navigate({ to: ".", search: (now) => ({ ...now, new: undefined }), replace: true });

  useShortcuts([
    { keys: "mod+k", does: "Do anything", run: () => setPalette((words) => words ?? "") },
    { keys: "?", does: "All keys", run: () => setHelp(true) },
    { keys: "c", does: "New run", run: () => void navigate({ to: ".", search: (now) => ({ ...now, new: "pick" }) }) },
    ...places.map((place) => ({ keys: place.keys, does: place.label, run: () => void navigate({ to: place.to }) })),
    { keys: "g s", does: "Settings", run: () => void navigate({ to: paths.settings() }) },
  ]);

  useEffect(() => {
    // What fails here is fetched again when it is wanted, and said then.
    const timer = setTimeout(() => void Promise.allSettled([fetchPalette(), fetchNewRun(), fetchHelp()]), FETCH_AFTER_MS);
    return () => clearTimeout(timer);
  }, []);

  const isHere = (to: string) => (to === "/" ? pathname === "/" || isRun : pathname.startsWith(to));
  return (
    <div className={`app ${isRun ? "app--rail" : ""}`}>
      <a className="skip" href="#main">
        To the content
      </a>
      <nav className="side" aria-label="Main">
        <Link className="brand" to="/" aria-label="Baton, to the board">
          <Mark />
          {isRun ? null : "Baton"}
        </Link>
        {isRun || !project ? null : (
          <Menu
            label="Project"
            trigger={
              <button type="button" className="proj" aria-label={`Project: ${project.name}${elsewhere.length > 0 ? `, ${elsewhere.length} need you in other projects` : ""}`}>
                <span className="grow cut medium">{project.name}</span>
                {elsewhere.length > 0 ? (
                  <span className="count--you" title={`${elsewhere.length} need you in other projects`}>
                    {elsewhere.length}
                  </span>
                ) : null}
                <Icon name="updown" size="sm" />
              </button>
            }
            items={projects.map((each) => ({
              key: each.id,
              label: named(each),
              hint: each.path,
              checked: each.id === project.id,
              onSelect: () => choose(each.id),
            }))}
          />
        )}
        <div className="nav">
          {places.map((place) => (
            <Link key={place.to} to={place.to} title={place.label} aria-label={isRun ? (place.to === "/" && waiting.length > 0 ? `Board, ${waiting.length} need you` : place.label) : undefined} aria-current={isHere(place.to) ? "page" : undefined}>
              <Icon name={place.icon} />
              {isRun ? null : place.label}
              {place.to === "/" && waiting.length > 0 ? (
                <span className="count count--you" title={`${waiting.length} need you`}>
                  {waiting.length}
                </span>
              ) : null}
              {!isRun && place.to === "/workflows" && definitions ? <span className="count">{definitions.length}</span> : null}
            </Link>
          ))}
          {!isRun && waiting.length > 0 ? <h2>Needs you</h2> : null}
          {isRun
            ? null
            : waiting.slice(0, 8).map((run) => (
                <Link key={run.id} to="/runs/$run/$tab" params={{ run: String(run.number), tab: "conversation" }} hash="decide">
                  <StateIcon state="need" icon="baton" />
                  <span className="cut t12">{run.name}</span>
                </Link>
              ))}
        </div>
        <div className="side-foot">
          <div className="nav">
            {isRun ? (
              <button type="button" className="rail-b" onClick={() => setHelp(true)} aria-label="All keys" title="All keys">
                <Icon name="keyboard" />
              </button>
            ) : null}
            <Link to={paths.settings()} aria-label={isRun ? "Settings" : undefined} aria-current={isHere(paths.settings()) ? "page" : undefined}>
              <Icon name="settings" />
              {isRun ? null : "Settings"}
            </Link>
          </div>
          {isRun ? null : <Liveness />}
        </div>
      </nav>
      <Away />
      <Outlet />
      <nav className="dock-nav" aria-label="Main, narrow">
        {places
          .filter((place) => place.isNarrow)
          .map((place) => (
            <Link key={place.to} to={place.to} aria-current={isHere(place.to) ? "page" : undefined}>
              <Icon name={place.icon} />
              {place.label}
              {place.to === "/" && waiting.length > 0 ? <span className="count--you">{waiting.length}</span> : null}
            </Link>
          ))}
        <Menu
          align="end"
          label="More"
          trigger={
            <button type="button" aria-label="More pages">
              <Icon name="more" />
              More
            </button>
          }
          items={[
            ...places
              .filter((place) => !place.isNarrow)
              .map((place) => ({ key: place.to, label: place.label, icon: place.icon, onSelect: () => void navigate({ to: place.to }) })),
            { key: "settings", label: "Settings", icon: "settings" as const, onSelect: () => void navigate({ to: paths.settings() }) },
            ...(projects.length > 1
              ? [
                  "line" as const,
                  ...projects.map((each) => ({ key: each.id, label: named(each), checked: each.id === project?.id, onSelect: () => choose(each.id) })),
                ]
              : []),
          ]}
        />
      </nav>
      {palette !== null ? (
        <Suspense fallback={<PaletteComing words={palette} onWords={setPalette} onClose={() => setPalette(null)} />}>
          <Palette words={palette} onClose={() => setPalette(null)} onHelp={() => setHelp(true)} onAsk={(what, run) => setAsked({ what, run })} />
        </Suspense>
      ) : null}
      <Suspense fallback={<Coming />}>
        {asked ? <Asked {...asked} onClose={() => setAsked(null)} /> : null}
        {help ? <Help onClose={() => setHelp(false)} /> : null}
        {search.new !== undefined && project ? <NewRun definition={search.new === "pick" ? undefined : search.new} project={project} onClose={close} /> : null}
      </Suspense>
    </div>
  );
}

function NeedsYou({ n, children }: { n: number; children: string }) {
  return (
    <span className="row">
      <span className="cut">{children}</span>
      <span className="count--you" aria-label={`${n} need you`}>
        {n}
      </span>
    </span>
  );
}

function Liveness() {
  const link = useLink();
  return (
    <>
      <span className={`live live--${link}`} role="status">
        {link === "live" ? "Live" : link === "connecting" ? "Connecting" : "Reconnecting"}
      </span>
      <span className="num cut">{location.host}</span>
    </>
  );
}

/** Says that the server is away, over whatever page there is; what is shown stays. */
function Away() {
  const link = useLink();
  if (link !== "offline") return null;
  return (
    <div className="away" role="status">
      <Icon name="running" size="sm" />
      The server does not answer. What you see is as it was; this page goes on by itself.
    </div>
  );
}
