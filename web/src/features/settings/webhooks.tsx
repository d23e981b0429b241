/** Outgoing webhooks: where what happens is told, and which of it. */
import { useState } from "react";
import { write } from "~/api/client";
import { endpoints } from "~/api/endpoints";
import type { Webhook } from "~/api/types";
import { useProject } from "~/features/project/use-project";
import { Badge } from "~/ui/badge";
import { Button } from "~/ui/button";
import { Confirm } from "~/ui/dialog";
import { Menu, Pick } from "~/ui/menu";
import { Deliveries } from "./deliveries";
import { AddForm, Listing, Once, Part, useListing } from "./part";

const kinds = [
  { value: "", label: "everything", hint: "Every event, also each step's progress" },
  { value: "workflow.execution.*", label: "runs", hint: "workflow.execution.*: a run begins, changes, ends" },
  { value: "workflow.run.waiting", label: "waiting", hint: "workflow.run.waiting: a run begins to wait, also for you" },
  { value: "workflow.step.*", label: "steps", hint: "workflow.step.*" },
  { value: "message:new", label: "messages", hint: "message:new" },
];

export function Webhooks() {
  const { projects } = useProject();
  const hooks = useListing<Webhook>(endpoints.webhooks());
  const [url, setUrl] = useState("");
  const [events, setEvents] = useState("");
  const [project, setProject] = useState("");
  const [secret, setSecret] = useState<string | null>(null);
  const [open, setOpen] = useState<string | null>(null);
  const [removing, setRemoving] = useState<Webhook | null>(null);
  const add = async () => {
    const { data } = await write<{ data: Webhook }>("POST", endpoints.webhooks(), { url: url.trim(), events: events ? [events] : [], ...(project ? { project_id: project } : {}) });
    setSecret(data.secret ?? null);
    setUrl("");
    await hooks.again();
  };
  const change = (hook: Webhook, body: object) =>
    hooks.change(
      write<{ data: Webhook }>("PATCH", endpoints.webhook(hook.id), body).then(({ data }) => data.secret && setSecret(data.secret)),
      "It was not changed",
    );
  const about = (hook: Webhook) => {
    const of = projects.find((each) => each.id === hook.project_id)?.name ?? (hook.project_id ? "a project that is gone" : "all projects");
    return `${hook.events.length === 0 ? "everything" : hook.events.join(", ")} of ${of}`;
  };
  return (
    <Part title="Webhooks" text="What happens here, told to an address of yours; signed by the rules of Standard Webhooks, and tried again for 24 hours.">
      {secret ? <Once text="Its secret, to check signatures with. It is not shown again." value={secret} onDone={() => setSecret(null)} /> : null}
      <Listing
        of={hooks}
        what="The list of webhooks"
        none="Nobody is told yet."
        row={(hook) => (
          <>
            <div className="row">
              <div className="grow">
                <div className="m12 anywhere">
                  {hook.url} {hook.enabled ? null : <Badge state="paused" words="Off" />}
                </div>
                <div className="sub anywhere">
                  {hook.description ? `${hook.description}: ` : ""}
                  {about(hook)}
                </div>
              </div>
              <Button size="sm" onClick={() => setOpen(open === hook.id ? null : hook.id)} aria-expanded={open === hook.id}>
                Deliveries
              </Button>
              <Menu
                label={`More for ${hook.url}`}
                align="end"
                trigger={<Button kind="ghost" size="sm" icon="more" label={`More for ${hook.url}`} />}
                items={[
                  { key: "enabled", label: hook.enabled ? "Turn off" : "Turn on", onSelect: () => change(hook, { enabled: !hook.enabled }) },
                  { key: "secret", label: "Make a new secret", hint: "The old one no longer fits", onSelect: () => change(hook, { rotate_secret: true }) },
                  "line",
                  { key: "remove", label: "Remove…", bad: true, onSelect: () => setRemoving(hook) },
                ]}
              />
            </div>
            {open === hook.id ? <Deliveries hook={hook} /> : null}
          </>
        )}
      />
      <AddForm label="Add webhook" can={url.trim() ? true : "Write its address first"} onAdd={add}>
        <input className="input mono" aria-label="Address" placeholder="https://example.com/hook" inputMode="url" value={url} onChange={(event) => setUrl(event.target.value)} />
        <Pick label="Tell of" value={events} options={kinds} onPick={setEvents} />
        <Pick label="Of which project" value={project} options={[{ value: "", label: "all projects" }, ...projects.map((each) => ({ value: each.id, label: each.name }))]} onPick={setProject} />
      </AddForm>
      <Confirm
        open={removing !== null}
        onClose={() => setRemoving(null)}
        onConfirm={() => removing && hooks.change(write("DELETE", endpoints.webhook(removing.id)), "It was not removed")}
        title="Remove this webhook?"
        text={
          <>
            <span className="m12 anywhere">{removing?.url}</span> is told nothing any more, and the list of its deliveries goes too.
          </>
        }
        act="Remove webhook"
        bad
      />
    </Part>
  );
}
