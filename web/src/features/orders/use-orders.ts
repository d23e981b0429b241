/** Orders to runs and steps: each is sent once, says what was refused, and what it changed is read. */
import { useQueryClient } from "@tanstack/react-query";
import { useMemo } from "react";
import { write } from "~/api/client";
import { endpoints } from "~/api/endpoints";
import { keys } from "~/api/queries";
import type { Action, Run, Step } from "~/api/types";
import { useRefusal } from "~/ui/toast";

/** A name for a wish, so that a repeat of it does nothing twice. */
export function wish(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `web-${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

export interface Resume {
  from_step?: string;
  checkpoint?: number;
  message?: string;
}

export function useOrders() {
  const cache = useQueryClient();
  const refused = useRefusal();
  return useMemo(() => {
    /** The row the server answers with holds at once: it says `pausing`, never `paused` too early. */
    const keep = (row: Run) => {
      cache.setQueryData<{ runs: Run[]; more: string | null }>(
        keys.board(row.project_id),
        (board) => board && { ...board, runs: board.runs.map((run) => (run.id === row.id ? { ...run, ...row, steps: run.steps } : run)) },
      );
      for (const query of cache.getQueryCache().findAll({ queryKey: ["run"] })) {
        const run = query.state.data as Run | undefined;
        if (run?.id === row.id) void cache.invalidateQueries({ queryKey: query.queryKey });
      }
    };
    const order = async (run: Run, word: "pause" | "resume" | "cancel" | "retry", body: unknown, what: string): Promise<boolean> => {
      try {
        const { data } = await write<{ data: Run }>("POST", endpoints.order(run.id, word), body, wish());
        keep(data);
        return true;
      } catch (error) {
        refused(error, what);
        void cache.invalidateQueries({ queryKey: keys.run(run.id) });
        void cache.invalidateQueries({ queryKey: keys.run(String(run.number)) });
        return false;
      }
    };
    const decide = async (step: Step, word: "approve" | "reject" | "answer" | "skip-wait", body: unknown): Promise<boolean> => {
      try {
        await write("POST", endpoints.decide(step.id, word), body, wish());
        return true;
      } catch (error) {
        refused(error, "The answer was not taken");
        return false;
      } finally {
        void cache.invalidateQueries({ queryKey: ["run"] });
        void cache.invalidateQueries({ queryKey: ["step", step.id] });
      }
    };
    return {
      pause: (run: Run, options: { reason?: string; immediate?: boolean } = {}) => order(run, "pause", options, "It was not paused"),
      resume: (run: Run, options: Resume = {}) => order(run, "resume", options, "It did not go on"),
      cancel: (run: Run, reason?: string) => order(run, "cancel", reason ? { reason } : {}, "It was not cancelled"),
      retry: (run: Run, message?: string) => order(run, "retry", message ? { message } : {}, "It was not retried"),
      fork: async (run: Run, body: { from_step?: string; message?: string; name?: string; args?: unknown }): Promise<Run | null> => {
        try {
          const { data } = await write<{ data: Run }>("POST", endpoints.order(run.id, "fork"), body, wish());
          return data;
        } catch (error) {
          refused(error, "It was not forked");
          return null;
        }
      },
      remove: async (run: Run): Promise<boolean> => {
        try {
          await write("DELETE", endpoints.run(run.id));
          cache.setQueryData<{ runs: Run[]; more: string | null }>(
            keys.board(run.project_id),
            (board) => board && { ...board, runs: board.runs.filter((each) => each.id !== run.id) },
          );
          return true;
        } catch (error) {
          refused(error, "It was not deleted");
          return false;
        }
      },
      say: async (run: Run, content: string, action: Action, metadata?: Record<string, unknown>): Promise<number | null> => {
        try {
          const body = { content, action_type: action, ...(metadata ? { metadata } : {}) };
          const { messageId } = await write<{ messageId: number }>("POST", endpoints.messages(run.id), body, wish());
          return messageId;
        } catch (error) {
          refused(error, "The message was not sent");
          return null;
        }
      },
      approve: (step: Step, body: { message?: string; question_id?: string; remember?: boolean }) => decide(step, "approve", body),
      reject: (step: Step, body: { message?: string; question_id?: string }) => decide(step, "reject", body),
      answer: (step: Step, body: { question_id?: string; answers: Record<string, string[]> }) => decide(step, "answer", body),
      skipWait: (step: Step) => decide(step, "skip-wait", {}),
    };
  }, [cache, refused]);
}
