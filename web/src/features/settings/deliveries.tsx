/** What a webhook was told, whether it arrived, and telling it again. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { write } from "~/api/client";
import { endpoints } from "~/api/endpoints";
import { useLive } from "~/api/live-react";
import { queries } from "~/api/queries";
import type { Delivery, Webhook } from "~/api/types";
import { dayAndTime, plural } from "~/lib/format";
import { Badge } from "~/ui/badge";
import { Button } from "~/ui/button";
import { Json } from "~/ui/json";
import { Ago } from "~/ui/time";
import { SOON, untilNext } from "./deliveries-model";
import { Listing, useListing } from "./part";

const words = { waiting: "Waiting", delivered: "Delivered", failed: "Failed" } as const;
const looks = { waiting: "retry", delivered: "done", failed: "failed" } as const;

export function Deliveries({ hook }: { hook: Webhook }) {
  const cache = useQueryClient();
  const live = useLive();
  const path = endpoints.deliveries(hook.id);
  const deliveries = useListing<Delivery>(path);
  // The socket does not tell of deliveries: one is looked for after each event, and when it is due.
  useQuery({ ...queries.data<Delivery[]>(path), refetchInterval: ({ state }) => untilNext(state.data, Date.now()) });
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stop = live.onTold(() => {
      timer ??= setTimeout(() => {
        timer = undefined;
        void cache.invalidateQueries({ queryKey: ["data", path] });
      }, SOON);
    });
    return () => {
      clearTimeout(timer);
      stop();
    };
  }, [live, cache, path]);
  return (
    <div className="set-sub">
      <Listing
        of={deliveries}
        what="The list of deliveries"
        none="Nothing has been sent yet."
        row={(each) => (
          <div className="row dlv-row">
            <details className="dlv">
              <summary className="row">
                <Badge state={looks[each.state]} words={words[each.state]} />
                <span className="grow m11 cut">{each.type}</span>
                <span className="muted t12 cut">{outcome(each)}</span>
                <span className="muted t12">
                  <Ago at={each.created_at} />
                </span>
              </summary>
              <p className="muted t12 anywhere">
                {[plural(each.attempts, "attempt"), each.last_error ?? "", each.next_attempt_at ? `next ${dayAndTime(each.next_attempt_at)}` : ""].filter(Boolean).join("; ")}
              </p>
              <Json value={each.payload} />
            </details>
            <Button size="sm" onClick={() => deliveries.change(write("POST", endpoints.resend(hook.id, each.id), {}), "It was not sent again")}>
              Send again
            </Button>
          </div>
        )}
      />
    </div>
  );
}

function outcome(delivery: Delivery): string {
  if (delivery.last_status) return String(delivery.last_status);
  return delivery.last_error ? "no answer" : "";
}
