/** Projects, and whose each is. */
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { write } from "~/api/client";
import { endpoints } from "~/api/endpoints";
import { keys } from "~/api/queries";
import type { Project } from "~/api/types";
import { useMe, useProject } from "~/features/project/use-project";
import { Button } from "~/ui/button";
import { Confirm } from "~/ui/dialog";
import { useRefusal } from "~/ui/toast";
import { Members } from "./members";
import { AddForm, Listing, Part } from "./part";

const ADMIN = "Only an admin adds and removes projects";

export function Projects() {
  const me = useMe();
  const { projects, isLoading, error, project, choose } = useProject();
  const cache = useQueryClient();
  const refused = useRefusal();
  const [path, setPath] = useState("");
  const [forgetting, setForgetting] = useState<Project | null>(null);
  const [open, setOpen] = useState<string | null>(null);
  const isAdmin = me?.role === "admin";
  const again = () => cache.invalidateQueries({ queryKey: keys.projects });
  const add = async () => {
    await write("POST", endpoints.projects(), { path: path.trim() });
    setPath("");
    await again();
  };
  const can = !isAdmin ? ADMIN : path.trim() ? true : "Write its directory first";
  return (
    <Part title="Projects" text="Directories with definitions in .agent/workflows/definitions. Starting a run in one adds it by itself, and so does `baton serve` in the one it is started in.">
      <Listing
        of={{ rows: isLoading ? undefined : projects, error, retry: () => void again() }}
        what="The list of projects"
        none="There is none yet."
        row={(each) => (
          <>
            <div className="row">
              <div className="grow">
                <div className="medium anywhere">
                  {each.name} {each.id === project?.id ? <span className="pill">shown</span> : null}
                </div>
                <div className="sub m11 anywhere">{each.path}</div>
              </div>
              {each.id === project?.id ? null : (
                <Button size="sm" onClick={() => choose(each.id)}>
                  Show
                </Button>
              )}
              <Button size="sm" aria-expanded={open === each.id} onClick={() => setOpen(open === each.id ? null : each.id)}>
                Members
              </Button>
              <Button size="sm" kind="ghost" can={isAdmin ? true : ADMIN} onClick={() => setForgetting(each)}>
                Forget
              </Button>
            </div>
            {open === each.id ? <Members project={each} isAdmin={isAdmin} /> : null}
          </>
        )}
      />
      <AddForm label="Add project" can={can} onAdd={add}>
        <input className="input mono" aria-label="Directory of a project" placeholder="/path/to/a/project" value={path} onChange={(event) => setPath(event.target.value)} />
      </AddForm>
      <Confirm
        open={forgetting !== null}
        onClose={() => setForgetting(null)}
        onConfirm={() => {
          if (!forgetting) return;
          write("DELETE", endpoints.project(forgetting.id))
            .then(again)
            .catch((problem: unknown) => refused(problem, "The project was not forgotten"));
        }}
        title={`Forget ${forgetting?.name ?? ""}?`}
        text="It leaves the list. Its files and its runs stay as they are."
        act="Forget project"
      />
    </Part>
  );
}
