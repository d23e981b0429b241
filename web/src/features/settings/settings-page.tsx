/** Settings: this browser, projects, agents, users, tokens, webhooks, triggers, the audit trail, budgets and providers. */
import { useNavigate, useSearch } from "@tanstack/react-router";
import { type ComponentType, useEffect, useRef } from "react";
import { useMe } from "~/features/project/use-project";
import { Empty } from "~/ui/state";
import { Agents } from "./agents";
import { Audit } from "./audit";
import { Browser } from "./browser";
import { Budgets } from "./budgets";
import { Projects } from "./projects";
import { Tokens } from "./tokens";
import { Triggers } from "./triggers";
import { Users } from "./users";
import { Webhooks } from "./webhooks";

interface Section {
  key: string;
  label: string;
  Body: ComponentType;
  /** Only admins have it. */
  isAdmins?: boolean;
}

const sections: Section[] = [
  { key: "browser", label: "This browser", Body: Browser },
  { key: "projects", label: "Projects", Body: Projects },
  { key: "agents", label: "Agents", Body: Agents },
  { key: "users", label: "Users", Body: Users, isAdmins: true },
  { key: "tokens", label: "Tokens", Body: Tokens },
  { key: "webhooks", label: "Webhooks", Body: Webhooks, isAdmins: true },
  { key: "triggers", label: "Triggers", Body: Triggers },
  { key: "audit", label: "Audit", Body: Audit, isAdmins: true },
  { key: "budgets", label: "Budgets", Body: Budgets },
  { key: "providers", label: "Providers", Body: Providers },
];

export function SettingsPage() {
  const search = useSearch({ from: "__root__" });
  const navigate = useNavigate();
  const me = useMe();
  const current = sections.find((each) => each.key === search.section) ?? sections[0]!;
  const nav = useRef<HTMLElement>(null);
  // On a phone the sections are a row that scrolls.
  useEffect(() => {
    void nav.current?.querySelector("[aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });
  }, [current]);
  const may = (section: Section) => !section.isAdmins || !me || me.role === "admin";
  return (
    <main className="main" id="main">
      <header className="top">
        <h1>Settings</h1>
      </header>
      <div className="set">
        <nav className="set-nav" ref={nav} aria-label="Settings">
          {sections.filter(may).map((each) => (
            <button key={each.key} type="button" aria-current={each === current ? "page" : undefined} onClick={() => void navigate({ to: ".", search: { section: each.key }, replace: true })}>
              {each.label}
            </button>
          ))}
        </nav>
        <div className="set-body" tabIndex={0} role="region" aria-label={current.label}>
          <div className="set-in">
            {may(current) ? <current.Body /> : <Empty icon="globe" title="Only an admin sees this" text={`You are signed in as ${me?.username}, ${me?.role}.`} />}
          </div>
        </div>
      </div>
    </main>
  );
}

function Providers() {
  return <Empty icon="globe" title="Providers come with a later version" text="External workflow services that are reached by HTTP and answer by webhooks. They are named in baton.toml." />;
}
