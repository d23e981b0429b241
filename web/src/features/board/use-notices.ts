/** Tells what happens elsewhere: a toast, and a notification of the browser when a run begins to need you. */
import { useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import { useLive } from "~/api/live-react";
import { keys } from "~/api/queries";
import type { Project, Run, Told } from "~/api/types";
import { asks } from "~/lib/run-state";
import { recalled, remember } from "~/lib/stored";
import { useToast } from "~/ui/toast";

export function useNotices(): void {
  const live = useLive();
  const cache = useQueryClient();
  const toast = useToast();
  const navigate = useNavigate();
  const told = useRef(new Set<string>());
  const statuses = useRef(new Map<string, string>());

  useEffect(() => {
    const find = (id: string): Run | undefined => {
      for (const query of cache.getQueryCache().findAll({ queryKey: ["board"] })) {
        const run = (query.state.data as { runs: Run[] } | undefined)?.runs.find((each) => each.id === id);
        if (run) return run;
      }
      return undefined;
    };
    const isOpen = (run: Run) => {
      const here = location.pathname.split("/")[2];
      return location.pathname.startsWith("/runs/") && (here === String(run.number) || here === run.id);
    };
    const open = (run: Run) => void navigate({ to: "/runs/$run/$tab", params: { run: String(run.number), tab: "conversation" }, ...(asks(run).length > 0 ? { hash: "decide" } : {}) });

    // What waits already when the page opens is on it, and no news.
    const boards = cache.getQueryCache().findAll({ queryKey: ["board"] });
    for (const query of boards) {
      for (const run of (query.state.data as { runs: Run[] } | undefined)?.runs ?? []) {
        for (const ask of asks(run)) told.current.add(`${ask.step.id}/${ask.since}`);
      }
    }

    const show = (run: Run, words: string, isElsewhere: boolean) => {
      const project = isElsewhere ? cache.getQueryData<Project[]>(keys.projects)?.find((each) => each.id === run.project_id)?.name : undefined;
      toast({ kind: "you", title: words, text: project ? `${project}: ${run.name}` : run.name, act: { label: "Look", run: () => open(run) } });
      if (typeof Notification === "undefined" || Notification.permission !== "default" || recalled("notices")) return;
      // Once: Settings has it as well.
      remember("notices", "offered");
      toast({ title: "Be told when this page is not in front?", act: { label: "Allow notifications", run: () => void Notification.requestPermission() } });
    };

    const needs = (run: Run, isElsewhere = false) => {
      for (const ask of asks(run)) {
        const key = `${ask.step.id}/${ask.since}`;
        if (told.current.has(key)) continue;
        told.current.add(key);
        if (Date.now() - Date.parse(ask.since) > 60_000) continue;
        const isHidden = document.visibilityState === "hidden";
        if (isHidden && typeof Notification !== "undefined" && Notification.permission === "granted") {
          const notice = new Notification(ask.words, { body: run.name, tag: key, icon: "/mark.svg" });
          notice.onclick = () => {
            focus();
            open(run);
            notice.close();
          };
        }
        // On the board it stands first already, and beside it.
        if (!isOpen(run) && (isElsewhere || location.pathname !== "/")) show(run, ask.words, isElsewhere);
      }
    };

    const endOf = (event: Told) => {
      const id = String(event.data.execution_id);
      const status = String(event.data.status);
      const before = statuses.current.get(id);
      statuses.current.set(id, status);
      if (before === status || (status !== "failed" && status !== "completed")) return;
      const run = find(id);
      if (!run || isOpen(run) || location.pathname === "/") return;
      toast({
        kind: status === "failed" ? "bad" : "info",
        title: status === "failed" ? "A run failed" : "A run is done",
        text: run.name,
        act: { label: "Open", run: () => open(run) },
      });
    };

    const stopTold = live.onTold((event) => {
      if (event.type === "workflow.execution.status_changed") endOf(event);
    });
    const stopCache = cache.getQueryCache().subscribe((event) => {
      if (event.type !== "updated") return;
      if (event.query.queryKey[0] === "elsewhere") {
        for (const run of (event.query.state.data as Run[] | undefined) ?? []) {
          if (event.query.state.dataUpdateCount > 1) needs(run, true);
          else for (const ask of asks(run)) told.current.add(`${ask.step.id}/${ask.since}`);
        }
      }
      if (event.query.queryKey[0] !== "board") return;
      const first = event.action.type === "success" && event.action.manual !== true && told.current.size === 0;
      for (const run of (event.query.state.data as { runs: Run[] } | undefined)?.runs ?? []) {
        if (first) for (const ask of asks(run)) told.current.add(`${ask.step.id}/${ask.since}`);
        else needs(run);
      }
    });
    return () => {
      stopTold();
      stopCache();
    };
  }, [live, cache, toast, navigate]);
}
