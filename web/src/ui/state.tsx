/** What stands where something is being fetched, is empty, or went wrong. */
import type { ReactNode } from "react";
import { Problem } from "~/api/client";
import { Button } from "./button";
import { Coded } from "./coded";
import { Copy } from "./copy";
import { Icon, type IconName } from "./icon";

export function Skeleton({ rows = 6, height = 28 }: { rows?: number; height?: number }) {
  return (
    <div className="skel" aria-busy="true" aria-label="Loading">
      {Array.from({ length: rows }, (_, index) => (
        <i key={index} style={{ height, width: `${92 - ((index * 17) % 40)}%` }} />
      ))}
    </div>
  );
}

export function Empty({ icon, title, text, command, children }: { icon?: IconName; title: string; text?: ReactNode; command?: string; children?: ReactNode }) {
  return (
    <div className="nothing">
      {icon ? <Icon name={icon} /> : null}
      <h2>{title}</h2>
      {text ? <p>{typeof text === "string" ? <Coded text={text} /> : text}</p> : null}
      {command ? <Copy text={command} /> : null}
      {children ? <div className="row">{children}</div> : null}
    </div>
  );
}

/** The server's own words, and the way on. */
export function Failure({ error, retry, what }: { error: unknown; retry?: () => void; what: string }) {
  const problem = error instanceof Problem ? error : null;
  if (problem?.code === "not_available" || problem?.status === 501) {
    return <Empty icon="clock" title={`${what} is not part of this version yet`} text={problem.detail} />;
  }
  if (problem?.isOffline) return <Empty icon="globe" title="The server does not answer" text={problem.detail} />;
  const detail = problem?.detail ?? (error instanceof Error ? error.message : "Something went wrong.");
  return (
    <div className="nothing" role="alert">
      <Icon name="warn" />
      <h2>{problem?.status === 404 ? `${what} is not here` : `${what} could not be read`}</h2>
      <p>
        <Coded text={detail} />
      </p>
      {retry && problem?.status !== 404 ? <Button onClick={retry}>Try again</Button> : null}
    </div>
  );
}
