/** Has the server read the folder of definitions again, for those whose files are not watched. */
import { useQueryClient } from "@tanstack/react-query";
import { write } from "~/api/client";
import { endpoints } from "~/api/endpoints";
import { keys } from "~/api/queries";
import { useRefusal } from "~/ui/toast";
import { useProject } from "./use-project";

export function useRefresh(): () => Promise<void> {
  const cache = useQueryClient();
  const refused = useRefusal();
  const { project } = useProject();
  return async () => {
    if (!project) return;
    try {
      await write("POST", endpoints.refresh(project.id), {});
      await Promise.all([keys.definitions(project.id), ["definition"]].map((queryKey) => cache.invalidateQueries({ queryKey })));
    } catch (error) {
      refused(error, "The folder was not read");
    }
  };
}
