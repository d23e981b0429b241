/** Pages for addresses that lead nowhere, and for what should not happen. */
import type { ErrorComponentProps } from "@tanstack/react-router";
import { paths } from "~/lib/paths";
import { Button } from "~/ui/button";
import { Empty } from "~/ui/state";

export function NotHere() {
  return (
    <Empty icon="search" title="There is no such page" text="The address may be old, or cut off.">
      <a className="btn" href={paths.board()}>
        To the board
      </a>
    </Empty>
  );
}

export function Broken({ error: thrown, reset }: ErrorComponentProps) {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  const isChunk = /dynamically imported|module script/i.test(error.message);
  return (
    <Empty
      icon="warn"
      title={isChunk ? "A newer version of this page is there" : "This page has a fault"}
      text={isChunk ? "The server was upgraded; load the page anew." : error.message}
    >
      <Button kind="pri" onClick={() => location.reload()}>
        Load anew
      </Button>
      {isChunk ? null : <Button onClick={reset}>Try again</Button>}
    </Empty>
  );
}
