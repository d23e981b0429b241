/** Files that are sent to a run: how far each is, and why one was refused. */
import { useQueryClient } from "@tanstack/react-query";
import { useReducer, useRef, useState } from "react";
import { Problem, write } from "~/api/client";
import { endpoints } from "~/api/endpoints";
import type { Run, Step } from "~/api/types";
import { upload } from "~/api/upload";
import { useMe } from "~/features/project/use-project";
import { bytes } from "~/lib/format";
import { canAct } from "~/lib/run-can";
import { Button } from "~/ui/button";
import { Icon } from "~/ui/icon";
import { changed, type Upload } from "./uploads-model";

/** The step that a file belongs to for which none was chosen: the one at work, else the last that was. */
export function stepForFiles(run: Run): Step | undefined {
  return run.steps.find((each) => each.status === "running") ?? run.steps.findLast((each) => each.started_at) ?? run.steps[0];
}

let next = 1;

export function useUploads(run: Run, step: Step | undefined) {
  const cache = useQueryClient();
  const [all, change] = useReducer(changed, []);
  const one = async (each: Upload, message: number | null) => {
    try {
      let artifact = each.artifact;
      if (!artifact) {
        artifact = (await upload(run.id, step?.id ?? "", each.file, (share) => change({ kind: "gone", key: each.key, share }))).id;
        if (artifact) change({ kind: "kept", key: each.key, artifact });
      }
      const to = each.message ?? message;
      if (artifact && to !== null) await write("PATCH", endpoints.attach(artifact), { comment_id: to });
      change({ kind: "drop", key: each.key });
    } catch (error) {
      change({ kind: "refused", key: each.key, why: error instanceof Problem ? error.detail : "It was not uploaded." });
    }
  };
  /** One after the other, so that what is shown of each is true. */
  const send = async (these: Upload[], message: number | null = null) => {
    if (these.length === 0) return;
    change({ kind: "begin", keys: these.map((each) => each.key), message });
    for (const each of these) await one(each, message);
    void cache.invalidateQueries({ queryKey: ["run"] });
    if (step) void cache.invalidateQueries({ queryKey: ["step", step.id] });
  };
  const add = (files: Iterable<File>): Upload[] => {
    const made = [...files].map((file) => ({ key: next++, file }));
    change({ kind: "add", files: made });
    return made.map((each) => ({ ...each, message: null, artifact: null, share: null, refused: null }));
  };
  return { all, add, send, drop: (key: number) => change({ kind: "drop", key }) };
}

type Uploads = ReturnType<typeof useUploads>;

export function UploadList({ uploads }: { uploads: Uploads }) {
  if (uploads.all.length === 0) return null;
  return (
    <ul className="ups" aria-label="Files to send">
      {uploads.all.map((each) => (
        <li key={each.key} className={`art ${each.refused ? "art--bad" : ""}`}>
          <Icon name={each.refused ? "warn" : "file"} />
          <span className="cut" title={each.file.name}>
            {each.file.name}
          </span>
          <span className="muted num">{bytes(each.file.size)}</span>
          {each.refused ? (
            <span className="ups-why" role="alert">
              {each.refused}
            </span>
          ) : null}
          {each.share !== null ? (
            <span className="meter" role="progressbar" aria-label={`Sending ${each.file.name}`} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(each.share * 100)}>
              <i style={{ width: `${each.share * 100}%` }} />
            </span>
          ) : (
            <>
              {each.refused ? (
                <button type="button" className="link" onClick={() => void uploads.send([each])}>
                  Try again
                </button>
              ) : null}
              <button type="button" aria-label={`Do not send ${each.file.name}`} onClick={() => uploads.drop(each.key)}>
                <Icon name="close" size="xs" />
              </button>
            </>
          )}
        </li>
      ))}
    </ul>
  );
}

/** A button that sends files at once, and below it how far they are. */
export function UploadButton({ run, step, children }: { run: Run; step: Step | undefined; children?: React.ReactNode }) {
  const me = useMe();
  const input = useRef<HTMLInputElement>(null);
  const uploads = useUploads(run, step);
  const [busy, setBusy] = useState(false);
  const sendNow = async (files: FileList | null) => {
    if (!files || !step) return;
    setBusy(true);
    await uploads.send(uploads.add(files));
    setBusy(false);
  };
  return (
    <>
      <input
        ref={input}
        type="file"
        multiple
        hidden
        aria-label="Files to upload"
        onChange={(event) => {
          const { files } = event.target;
          void sendNow(files).then(() => {
            if (input.current) input.current.value = "";
          });
        }}
      />
      <Button size="sm" icon="plus" busy={busy} can={canAct(me)} onClick={() => input.current?.click()}>
        {children ?? "Upload"}
      </Button>
      <UploadList uploads={uploads} />
    </>
  );
}
