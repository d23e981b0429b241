/** The project that is looked at: the one chosen last, else the first there is. */
import { useQuery } from "@tanstack/react-query";
import { queries } from "~/api/queries";
import type { Project } from "~/api/types";
import { remember, useStored } from "~/lib/stored";

export function useProject(): { project: Project | undefined; projects: Project[]; isLoading: boolean; error: unknown; choose: (id: string) => void } {
  const { data, isPending, error } = useQuery(queries.projects());
  const chosen = useStored("project");
  const projects = data ?? [];
  const project = projects.find((each) => each.id === chosen) ?? projects[0];
  return { project, projects, isLoading: isPending, error, choose: (id) => remember("project", id) };
}

/** Who looks; `null` while it is not known. */
export function useMe() {
  const { data } = useQuery({ ...queries.me(), retry: false });
  return data ?? null;
}
