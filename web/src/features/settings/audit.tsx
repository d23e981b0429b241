/** Who did what, newest first. */
import { useInfiniteQuery } from "@tanstack/react-query";
import { queries } from "~/api/queries";
import type { Deed } from "~/api/types";
import { Badge } from "~/ui/badge";
import { Button } from "~/ui/button";
import { At } from "~/ui/time";
import { deedWords, refusal } from "./deed-words";
import { Listing, Part } from "./part";

export function Audit() {
  const trail = useInfiniteQuery(queries.audit());
  return (
    <Part
      title="Audit"
      text="Every change that somebody asked for, whether it was allowed or not."
      end={
        <Button size="sm" icon="retry" busy={trail.isFetching} onClick={() => void trail.refetch()}>
          Look again
        </Button>
      }
    >
      <Listing of={{ rows: trail.data?.pages.flatMap((page) => page.data), error: trail.error, retry: () => void trail.refetch() }} what="The audit trail" none="Nothing has been changed yet." row={(deed) => <Row deed={deed} />} />
      {trail.hasNextPage ? (
        <div>
          <Button busy={trail.isFetchingNextPage} onClick={() => void trail.fetchNextPage()}>
            Show older
          </Button>
        </div>
      ) : null}
    </Part>
  );
}

function Row({ deed }: { deed: Deed }) {
  const refused = refusal(deed.status);
  // What was refused was not done: then only what was asked for stands there.
  const words = refused ? null : deedWords(deed);
  return (
    <div className="row">
      <div className="grow">
        <div className="anywhere">
          <span className="medium">{deed.username}</span> {words ?? `${deed.method} ${deed.path}`}
          {deed.attempt_id ? <span className="muted">, from inside a step</span> : null}
        </div>
        {words ? (
          <div className="sub m11 anywhere">
            {deed.method} {deed.path}
          </div>
        ) : null}
      </div>
      {refused ? <Badge state="failed" words={`${deed.status} ${refused}`} /> : null}
      <span className="muted t12 no-phone">{deed.address}</span>
      <At at={deed.at} seconds />
    </div>
  );
}
