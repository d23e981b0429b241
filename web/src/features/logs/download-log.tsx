/** The buttons that save a whole log, and copy what fits. */
import { get } from "~/api/client";
import { download } from "~/api/download";
import { endpoints } from "~/api/endpoints";
import type { LogPart, Step } from "~/api/types";
import { plain } from "~/lib/ansi";
import { bytes } from "~/lib/format";
import { Button } from "~/ui/button";
import { useCopy } from "~/ui/copy";
import { useRefusal, useToast } from "~/ui/toast";
import type { LogType } from "./use-log";

/** As much of a log as is copied: what the server sends at once. */
const MOST_COPIED = 1024 * 1024;

interface Props {
  step: Step;
  type: LogType;
  attempt?: number | undefined;
}

export function DownloadLog({ step, type, attempt, label = "Download all of it" }: Props & { label?: string }) {
  const refused = useRefusal();
  const path = endpoints.log(step.id, type, attempt === undefined ? {} : { attempt });
  const name = type === "summary" ? `${step.step_id}.summary.md` : `${step.step_id}${attempt === undefined ? "" : `.attempt-${attempt}`}.${type}.log`;
  return (
    <Button
      kind="ghost"
      size="sm"
      icon="download"
      label={label}
      onClick={() => {
        download(path, name).catch((error: unknown) => refused(error, "It was not downloaded"));
      }}
    />
  );
}

/** Copies the log; of a long one its end, and says so. */
export function CopyLog({ step, type, attempt }: Props) {
  const copy = useCopy();
  const toast = useToast();
  const refused = useRefusal();
  const part = (offset: number) => get<{ data: LogPart }>(endpoints.log(step.id, type, { offset, limit: MOST_COPIED, ...(attempt === undefined ? {} : { attempt }) }));
  const take = async () => {
    try {
      let { data } = await part(0);
      const { total } = data;
      if (data.next_offset !== null) ({ data } = await part(Math.max(0, total - MOST_COPIED)));
      if (!(await copy(type === "output" ? data.content.split("\n").map(plain).join("\n") : data.content))) return;
      toast({ title: total > MOST_COPIED ? `The last ${bytes(MOST_COPIED)} of ${bytes(total)} are copied` : "Copied" });
    } catch (error) {
      refused(error, "It was not copied");
    }
  };
  return <Button kind="ghost" size="sm" icon="copy" label="Copy it" onClick={() => void take()} />;
}
