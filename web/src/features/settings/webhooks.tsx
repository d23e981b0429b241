/** Outgoing webhooks, what was delivered, and sending it again. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { write } from "~/api/client";
import { endpoints } from "~/api/endpoints";
import { queries } from "~/api/queries";
import { Badge } from "~/ui/badge";
import { Button } from "~/ui/button";
import { Copy } from "~/ui/copy";
import { Failure, Skeleton } from "~/ui/state";
import { Ago } from "~/ui/time";
import { useRefusal } from "~/ui/toast";
import { Part } from "./part";

interface Webhook {
  id: string;
  url: string;
  enabled?: boolean;
  events?: string[] | null;
  secret?: string;
}

interface Delivery {
  id: string;
  event?: string;
  type?: string;
  status: string;
  response_status?: number | null;
  error?: string | null;
  created_at: string;
}

export function Webhooks() {
  const cache = useQueryClient();
  const refused = useRefusal();
  const hooks = useQuery(queries.data<Webhook[]>(endpoints.webhooks()));
  const [url, setUrl] = useState("");
  const [secret, setSecret] = useState<string | null>(null);
  const [open, setOpen] = useState<string | null>(null);
  if (hooks.error) return <Failure error={hooks.error} what="The list of webhooks" />;
  if (!hooks.data) return <Skeleton />;
  const again = () => cache.invalidateQueries({ queryKey: ["data", endpoints.webhooks()] });
  const add = async () => {
    try {
      const { data } = await write<{ data: Webhook }>("POST", endpoints.webhooks(), { url: url.trim() });
      setSecret(data.secret ?? null);
      setUrl("");
      await again();
    } catch (error) {
      refused(error, "The webhook was not added");
    }
  };
  return (
    <Part title="Webhooks" text="What happens here, told to an address of yours; signed as Standard Webhooks has it, and tried again for 24 hours.">
      {secret ? (
        <div className="once">
          <p className="medium">Its secret, to check signatures with. It is not shown again.</p>
          <Copy text={secret} />
        </div>
      ) : null}
      <ul className="set-list">
        {hooks.data.map((hook) => (
          <li key={hook.id} className="set-tall">
            <div className="row">
              <div className="grow m12 anywhere">{hook.url}</div>
              <Button size="sm" onClick={() => setOpen(open === hook.id ? null : hook.id)} aria-expanded={open === hook.id}>
                Deliveries
              </Button>
              <Button
                size="sm"
                kind="ghost"
                onClick={() => {
                  write("DELETE", endpoints.webhook(hook.id)).then(again).catch((error: unknown) => refused(error, "It was not removed"));
                }}
              >
                Remove
              </Button>
            </div>
            {open === hook.id ? <Deliveries hook={hook} /> : null}
          </li>
        ))}
      </ul>
      <form
        className="row set-add"
        onSubmit={(event) => {
          event.preventDefault();
          void add();
        }}
      >
        <input className="input mono" type="url" aria-label="Address" placeholder="https://example.com/hook" value={url} onChange={(event) => setUrl(event.target.value)} />
        <Button type="submit" icon="plus" can={url.trim() ? true : "Write its address first"}>
          Add
        </Button>
      </form>
    </Part>
  );
}

function Deliveries({ hook }: { hook: Webhook }) {
  const cache = useQueryClient();
  const refused = useRefusal();
  const path = endpoints.deliveries(hook.id);
  const deliveries = useQuery(queries.data<Delivery[]>(path));
  if (deliveries.error) return <Failure error={deliveries.error} what="The list of deliveries" />;
  if (!deliveries.data) return <Skeleton rows={3} />;
  if (deliveries.data.length === 0) return <p className="muted t12">Nothing has been sent yet.</p>;
  return (
    <ul className="set-list set-list--in">
      {deliveries.data.map((each) => (
        <li key={each.id}>
          <Badge state={/deliver|success|ok/.test(each.status) ? "done" : /pend|retry/.test(each.status) ? "retry" : "failed"} words={each.status} />
          <span className="grow m11 cut">{each.event ?? each.type}</span>
          <span className="muted t12">{each.response_status ?? each.error}</span>
          <Ago at={each.created_at} />
          <Button
            size="sm"
            onClick={() => {
              write("POST", endpoints.resend(hook.id, each.id), {})
                .then(() => cache.invalidateQueries({ queryKey: ["data", path] }))
                .catch((error: unknown) => refused(error, "It was not sent again"));
            }}
          >
            Send again
          </Button>
        </li>
      ))}
    </ul>
  );
}
