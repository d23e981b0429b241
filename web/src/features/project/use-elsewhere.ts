/** Runs of the projects that are not looked at, that need a person: read once, then as the socket tells of them. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { get, Problem } from "~/api/client";
import { endpoints } from "~/api/endpoints";
import { useLive } from "~/api/live-react";
import { keys, queries } from "~/api/queries";
import type { Run } from "~/api/types";
import { mayNeed, withRun } from "./elsewhere-model";
import { useProject } from "./use-project";

/** A run is looked at this long after an event, once for all that came meanwhile. */
const SOON = 400;

export function useElsewhere(): Run[] {
  const cache = useQueryClient();
  const live = useLive();
  const { project, projects } = useProject();
  const chosen = project?.id ?? "";
  const others = projects.flatMap((each) => (each.id === chosen ? [] : [each.id])).join(" ");
  const { data } = useQuery({ ...queries.elsewhere(chosen), enabled: others !== "" });

  useEffect(() => {
    if (others === "") return undefined;
    const key = keys.elsewhere(chosen);
    const ids = others.split(" ");
    const stops = ids.map((id) => live.socket.subscribe(`project:${id}`));
    const due = new Set<string>();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const look = async () => {
      for (const id of due) {
        due.delete(id);
        let run: Run | null = null;
        try {
          run = (await get<{ data: Run }>(endpoints.run(id))).data;
        } catch (error) {
          if (!(error instanceof Problem) || error.status !== 404) continue;
        }
        cache.setQueryData<Run[]>(key, (known) => known && withRun(known, id, run));
      }
      timer = undefined;
    };
    const stop = live.onTold((told) => {
      const id = told.data.execution_id as string | undefined;
      if (!id || !ids.includes(told.data.project_id as string)) return;
      const isKnown = (cache.getQueryData<Run[]>(key) ?? []).some((run) => run.id === id);
      if (!mayNeed(told, isKnown)) return;
      due.add(id);
      timer ??= setTimeout(() => void look(), SOON);
    });
    return () => {
      stop();
      clearTimeout(timer);
      for (const end of stops) end();
    };
  }, [cache, live, chosen, others]);
  return others === "" ? [] : (data ?? []);
}
