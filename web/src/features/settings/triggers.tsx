/** What starts runs without a person: the schedules and inbound webhooks of the project's definitions. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { queries } from "~/api/queries";
import type { Definition } from "~/api/types";
import { useProject } from "~/features/project/use-project";
import { dayAndTime } from "~/lib/format";
import { paths } from "~/lib/paths";
import { Coded } from "~/ui/coded";
import { Copy } from "~/ui/copy";
import { Listing, Part } from "./part";

const missed: Record<string, string> = { none: "missed times are skipped", one: "one run for missed times", all: "a run for each missed time" };

export function Triggers() {
  const { project } = useProject();
  const definitions = useQuery(queries.definitions(project?.id ?? ""));
  const rows = definitions.data?.filter((each) => each.triggers?.schedule || each.triggers?.webhook);
  return (
    <Part title="Triggers" text={`Schedules and inbound webhooks of ${project?.name ?? "the project"}. A definition names them under \`triggers\`.`}>
      <Listing
        of={{ rows: project ? rows : [], error: definitions.error, retry: () => void definitions.refetch() }}
        what="The list of definitions"
        none="No definition has any."
        row={(each) => <Row definition={each} />}
      />
      <pre className="block">{'triggers:\n  schedule: {cron: "0 6 * * 1-5", tz: Europe/Berlin}\n  webhook: {secret_env: GH_SECRET}'}</pre>
    </Part>
  );
}

function Row({ definition }: { definition: Definition }) {
  const { schedule, webhook } = definition.triggers ?? {};
  return (
    <>
      <Link to={paths.template(definition.key)} className="link medium anywhere">
        {definition.name}
      </Link>
      {schedule ? (
        <div className="row wrap">
          <span className="m12">{schedule.cron}</span>
          <span className="muted t12 grow">
            {schedule.tz}; {missed[schedule.catch_up]}
          </span>
          <span className="t12 num">{schedule.next_at ? `next ${dayAndTime(schedule.next_at)}` : "never comes due"}</span>
        </div>
      ) : null}
      {webhook ? (
        <div className="trg">
          <Copy text={`${location.origin}${webhook.path}`} />
          <span className="muted t12 anywhere">
            Signed with <code>{webhook.secret_env}</code>
            {webhook.has_condition ? <Coded text="; only for events that its `if` lets through" /> : null}
          </span>
        </div>
      ) : null}
    </>
  );
}
