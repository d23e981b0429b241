/** A file, as it is named in the thread and in lists. */
import { endpoints } from "~/api/endpoints";
import type { Artifact } from "~/api/types";
import { bytes } from "~/lib/format";
import { Icon } from "~/ui/icon";

export function ArtifactChip({ artifact }: { artifact: Artifact }) {
  const inside = (
    <>
      <Icon name="file" />
      <span className="cut" title={artifact.name}>
        {artifact.name}
      </span>
      <span className="muted num">{bytes(artifact.size_bytes)}</span>
    </>
  );
  return artifact.id ? (
    <a className="art" href={endpoints.artifact(artifact.id)} download>
      {inside}
    </a>
  ) : (
    <span className="art" title={artifact.file_path}>
      {inside}
    </span>
  );
}
