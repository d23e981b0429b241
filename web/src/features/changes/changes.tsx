/** The changes tab: checkpoints, files and the differences between any two of them; rewind in place. */
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { Problem } from "~/api/client";
import { download } from "~/api/download";
import { endpoints } from "~/api/endpoints";
import { queries } from "~/api/queries";
import type { Run } from "~/api/types";
import { cut, plural } from "~/lib/format";
import { useMedia } from "~/lib/media";
import { Button } from "~/ui/button";
import { Icon } from "~/ui/icon";
import { Pick } from "~/ui/menu";
import { Empty, Failure, Skeleton } from "~/ui/state";
import { Segmented } from "~/ui/tabs";
import { useRefusal } from "~/ui/toast";
import { At } from "~/ui/time";
import { DiffView } from "./diff-view";
import { type DiffFile, folders, LONGEST_DIFF, parse } from "./diff-model";
import { Rewind } from "./rewind";

export default function Changes({ run }: { run: Run }) {
  const search = useSearch({ from: "__root__" });
  const navigate = useNavigate();
  const refused = useRefusal();
  const isNarrow = useMedia("(max-width: 720px)");
  const hasTree = useMedia("(min-width: 1100px)");
  const [isSplit, setSplit] = useState(false);
  const [rewinding, setRewinding] = useState<string | null>(null);
  const [viewed, setViewed] = useState<Set<string>>(new Set());
  const [current, setCurrent] = useState<{ path: string; at: number } | null>(null);
  const checkpoints = [...(run.checkpoints ?? [])].sort((a, b) => b.number - a.number);
  const { from, to } = search;
  const newest = checkpoints[0];
  const diff = useQuery({ ...queries.diff(run.id, from, to ?? (newest ? String(newest.number) : undefined)), enabled: checkpoints.length > 0 });
  const whole = diff.data ?? "";
  const isCut = whole.length > LONGEST_DIFF;
  const files = useMemo(() => parse(isCut ? whole.slice(0, whole.lastIndexOf("\ndiff --git", LONGEST_DIFF)) : whole), [whole, isCut]);
  const plus = files.reduce((sum, file) => sum + file.plus, 0);
  const minus = files.reduce((sum, file) => sum + file.minus, 0);
  const set = (change: { from?: string | undefined; to?: string | undefined }) => void navigate({ to: ".", search: (before) => ({ ...before, ...change }), replace: true });
  const nameOf = (key: string) => run.steps.find((step) => step.step_id === key)?.name ?? key;

  if (checkpoints.length === 0) {
    return <Empty icon="file" title="There is no checkpoint yet" text="After every step Baton keeps the files as they are then. They show up here, and you can go back to any of them." />;
  }
  const options = [...checkpoints].reverse().map((each) => ({ value: String(each.number), label: `${each.number}, ${cut(nameOf(each.step_id), 40)}` }));
  const noFiles = diff.error instanceof Problem && diff.error.code === "no_files";

  const list = (
    <section className="pane" aria-label="Checkpoints">
      <div className="pane-h">
        <h2 className="strong">Checkpoints</h2>
        <span className="muted num">{checkpoints.length}</span>
      </div>
      <div className="cps">
        {checkpoints.map((checkpoint) => {
          const key = String(checkpoint.number);
          const shownTo = to ?? String(newest?.number ?? "");
          const isIn = Number(shownTo) >= checkpoint.number && (from === undefined || checkpoint.number > Number(from));
          return rewinding === key ? (
            <Rewind key={key} run={run} checkpoint={checkpoint} name={nameOf(checkpoint.step_id)} onClose={() => setRewinding(null)} />
          ) : (
            <div key={key} className={`cp ${isIn ? "in" : ""} ${key === shownTo ? "to" : ""}`} aria-current={key === shownTo || undefined}>
              <span className="pip" aria-hidden="true" />
              <button type="button" className="cp-name medium cut" onClick={() => set({ to: key === String(newest?.number) ? undefined : key, from: undefined })}>
                {nameOf(checkpoint.step_id)}
                {checkpoint.partial ? <span className="muted"> (partial)</span> : null}
              </button>
              <At at={checkpoint.created_at} />
              <span className="sub">
                <span className="m11">{checkpoint.commit?.slice(0, 7) ?? "state only"}</span>
                <button type="button" className="cp-act" onClick={() => set({ from: checkpoint.number > 1 ? String(checkpoint.number - 1) : undefined, to: key })}>
                  only this step
                </button>
                <button type="button" className="cp-act" onClick={() => setRewinding(key)} aria-label={`rewind to here, checkpoint ${checkpoint.number}, ${nameOf(checkpoint.step_id)}`}>
                  rewind to here
                </button>
              </span>
            </div>
          );
        })}
        <div className="cp">
          <span className="pip" aria-hidden="true" />
          <span className="medium">Start{run.worktree?.base_branch ? `, from ${run.worktree.base_branch}` : ""}</span>
          <At at={run.created_at} />
          <span className="sub m11">{run.worktree?.base?.slice(0, 7)}</span>
        </div>
      </div>
    </section>
  );

  const body = noFiles ? (
    <Empty icon="folder" title="This run keeps no files of its own" text={diff.error?.message} />
  ) : diff.error && !diff.data ? (
    <Failure error={diff.error} what="The difference" retry={() => void diff.refetch()} />
  ) : diff.data === undefined ? (
    <Skeleton rows={14} height={16} />
  ) : files.length === 0 ? (
    <Empty icon="file" title="No file differs" text="Between these two the files are the same." />
  ) : (
    <DiffView
      files={files}
      isSplit={isSplit && !isNarrow}
      viewed={viewed}
      onViewed={(path, on) =>
        setViewed((before) => {
          const next = new Set(before);
          if (on) next.add(path);
          else next.delete(path);
          return next;
        })
      }
      goTo={current}
    />
  );

  return (
    <div className={`chg ${hasTree && files.length > 0 ? "" : "chg--bare"}`}>
      {isNarrow ? <details className="cps-fold"><summary>Checkpoints, {checkpoints.length}</summary>{list}</details> : list}
      {hasTree && files.length > 0 ? <Tree files={files} plus={plus} minus={minus} current={current?.path ?? null} onPick={(path) => setCurrent({ path, at: Date.now() })} /> : null}
      <section className="pane" aria-label="Difference">
        <div className="pane-h pane-h--tall">
          <span className="muted no-phone">From</span>
          <Pick small label="From" value={from ?? ""} options={[{ value: "", label: "Start" }, ...options]} onPick={(value) => set({ from: value || undefined })} />
          <span className="muted">to</span>
          <Pick small label="To" value={to ?? String(newest?.number ?? "")} options={options} onPick={(value) => set({ to: value })} />
          <span className="grow" />
          {hasTree ? null : (
            <span className="num t12 no-phone">
              {plural(files.length, "file")} <span className="plus">+{plus}</span> <span className="minus">−{minus}</span>
            </span>
          )}
          {isNarrow ? null : (
            <Segmented
              label="Form"
              value={isSplit ? "split" : "unified"}
              options={[
                { value: "unified", label: "Unified" },
                { value: "split", label: "Split" },
              ]}
              onPick={(value) => setSplit(value === "split")}
            />
          )}
          {viewed.size > 0 ? (
            <span className="row muted t12 no-phone">
              <Icon name="review" size="sm" /> Viewed {viewed.size} of {files.length}
            </span>
          ) : null}
          {diff.data ? (
            <Button
              kind="ghost"
              size="sm"
              icon="download"
              label="Download the diff"
              onClick={() => {
                download(endpoints.diff(run.id, from, to), `run-${run.number}.diff`, "text/x-diff").catch((error: unknown) => refused(error, "It was not downloaded"));
              }}
            />
          ) : null}
        </div>
        {isCut ? <div className="note-line">Only the first files are shown: the difference has {plural(Math.round(whole.length / 1e6), "million character")}. Download it to see all.</div> : null}
        {body}
      </section>
    </div>
  );
}

function Tree({ files, plus, minus, current, onPick }: { files: DiffFile[]; plus: number; minus: number; current: string | null; onPick: (path: string) => void }) {
  return (
    <section className="pane" aria-label="Files">
      <div className="pane-h">
        <h2 className="strong">Files</h2>
        <span className="muted num">{files.length}</span>
        <span className="grow" />
        <span className="num t12">
          <span className="plus">+{plus}</span> <span className="minus">−{minus}</span>
        </span>
      </div>
      <div className="tree">
        {folders(files)
          .slice(0, 400)
          .map(({ folder, files: own }) => (
            <div key={folder}>
              {folder ? (
                <div className="tree-f muted">
                  <Icon name="folder" />
                  <span className="cut" title={folder}>
                    {folder}
                  </span>
                </div>
              ) : null}
              {own.slice(0, 400).map((file) => (
                <button key={file.path} type="button" className="tree-b" aria-current={file.path === current || undefined} onClick={() => onPick(file.path)}>
                  <Icon name="file" />
                  <span className="cut" title={file.path}>
                    {file.path.slice(folder ? folder.length + 1 : 0)}
                  </span>
                  <span className="num">
                    <span className="plus">+{file.plus}</span>
                    <span className="minus">−{file.minus}</span>
                  </span>
                </button>
              ))}
            </div>
          ))}
      </div>
    </section>
  );
}
