/** The artifacts tab: files of the run by step, with previews of what can be looked at safely. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { send } from "~/api/client";
import { endpoints } from "~/api/endpoints";
import type { Artifact, Run } from "~/api/types";
import { bytes } from "~/lib/format";
import { plain } from "~/lib/ansi";
import { Copy } from "~/ui/copy";
import { Icon } from "~/ui/icon";
import { Markdown } from "~/ui/markdown";
import { Empty, Failure, Skeleton } from "~/ui/state";
import { stepForFiles, UploadButton } from "./uploads";

/** What a browser may show as a picture without running anything; SVG is shown as text. */
const PICTURES = /^image\/(png|jpeg|gif|webp|avif|bmp)$/;
const VIDEOS = /^video\/(mp4|webm|ogg)$/;
const TEXT = /^(text\/|application\/(json|xml|x-yaml|yaml|toml|javascript|typescript|sql))|\+(xml|json)$/;
const TEXT_NAMES = /\.(md|txt|log|json|ya?ml|toml|csv|tsv|ts|tsx|js|jsx|rs|py|go|rb|java|c|h|cpp|cs|sh|sql|html?|css|xml|svg|diff|patch)$/i;
const LARGEST_TEXT = 2 * 1024 * 1024;

export default function ArtifactsTab({ run }: { run: Run }) {
  const all = run.artifacts ?? [];
  const [chosen, setChosen] = useState<string | null>(null);
  const keyOf = (artifact: Artifact) => artifact.id ?? artifact.file_path ?? artifact.name;
  const current = all.find((artifact) => keyOf(artifact) === chosen) ?? all[0];
  const stepOf = (artifact: Artifact) => run.steps.find((step) => step.step_id === artifact.step_id || step.id === artifact.step_id || step.id === artifact.workflow_run_step_id);

  const uploader = <UploadButton run={run} step={stepForFiles(run)} />;
  if (all.length === 0) {
    return (
      <Empty icon="file" title="There are no files yet" text="Steps keep what their `artifacts` name when they are done; you can add files too.">
        {uploader}
      </Empty>
    );
  }
  return (
    <div className="arts">
      <section className="pane" aria-label="Files">
        <div className="pane-h">
          <h2 className="strong">Files</h2>
          <span className="muted num">{all.length}</span>
          <span className="grow" />
          {uploader}
        </div>
        <ul className="arts-list">
          {all.map((artifact) => (
            <li key={keyOf(artifact)}>
              <button type="button" className="arts-b" aria-current={artifact === current || undefined} onClick={() => setChosen(keyOf(artifact))}>
                <Icon name="file" />
                <span className="grow">
                  <span className="medium cut" title={artifact.name}>
                    {artifact.name}
                  </span>
                  <span className="sub cut">{stepOf(artifact)?.name ?? artifact.step_id}</span>
                </span>
                <span className="muted num t12">{bytes(artifact.size_bytes)}</span>
              </button>
            </li>
          ))}
        </ul>
      </section>
      {current ? <Preview key={keyOf(current)} artifact={current} /> : null}
    </div>
  );
}

function Preview({ artifact }: { artifact: Artifact }) {
  const mime = artifact.mime_type ?? "";
  const isText = TEXT.test(mime) || TEXT_NAMES.test(artifact.name);
  return (
    <section className="pane" aria-label={`Preview of ${artifact.name}`}>
      <div className="pane-h">
        <h2 className="strong cut">{artifact.name}</h2>
        <span className="grow" />
        {artifact.id ? (
          <a className="btn btn--sm" href={endpoints.artifact(artifact.id)} download>
            <Icon name="download" size="sm" />
            Download
          </a>
        ) : null}
      </div>
      <div className="arts-view">
        {!artifact.id ? (
          <Empty icon="folder" title="It lies in the project" text="The file is kept here:">
            <Copy text={artifact.file_path ?? artifact.name} />
          </Empty>
        ) : PICTURES.test(mime) ? (
          <img className="arts-img" src={endpoints.artifact(artifact.id)} alt={artifact.name} />
        ) : VIDEOS.test(mime) ? (
          <video className="arts-img" src={endpoints.artifact(artifact.id)} controls />
        ) : isText && artifact.size_bytes <= LARGEST_TEXT ? (
          <TextPreview artifact={artifact} />
        ) : (
          <Empty icon="file" title="There is no preview of this kind of file" text={`${mime || "unknown kind"}, ${bytes(artifact.size_bytes)}`} />
        )}
      </div>
    </section>
  );
}

function TextPreview({ artifact }: { artifact: Artifact }) {
  const text = useQuery({
    queryKey: ["artifact-text", artifact.id],
    // As much of it as is shown.
    queryFn: async ({ signal }) => (artifact.size_bytes === 0 ? "" : (await send(endpoints.artifact(artifact.id!), { signal, headers: { range: `bytes=0-${LARGEST_TEXT - 1}` } })).text()),
    staleTime: Infinity,
  });
  if (text.error) return <Failure error={text.error} what="The file" />;
  if (text.data === undefined) return <Skeleton />;
  if (/\.md$/i.test(artifact.name)) {
    return (
      <div className="arts-md">
        <Markdown text={text.data} />
      </div>
    );
  }
  return <pre className="block arts-text">{text.data.split("\n").map(plain).join("\n").slice(0, 400_000)}</pre>;
}
