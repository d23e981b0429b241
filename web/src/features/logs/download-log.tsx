/** The button that saves a whole log. */
import { download } from "~/api/download";
import { endpoints } from "~/api/endpoints";
import type { Step } from "~/api/types";
import { Button } from "~/ui/button";
import { useRefusal } from "~/ui/toast";
import type { LogType } from "./use-log";

export function DownloadLog({ step, type, attempt }: { step: Step; type: LogType; attempt?: number | undefined }) {
  const refused = useRefusal();
  const path = endpoints.log(step.id, type, attempt === undefined ? {} : { attempt });
  return (
    <Button
      kind="ghost"
      size="sm"
      icon="download"
      label="Download all of it"
      onClick={() => {
        download(path, `${step.step_id}.${type}.log`).catch((error: unknown) => refused(error, "It was not downloaded"));
      }}
    />
  );
}
