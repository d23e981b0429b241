/** What is asked before a run is cancelled or forked from the palette. */
import type { Run } from "~/api/types";
import { CancelDialog } from "~/features/board/card-menu";
import { ForkDialog } from "./fork-dialog";

export default function Asked({ what, run, onClose }: { what: "cancel" | "fork"; run: Run; onClose: () => void }) {
  return what === "fork" ? <ForkDialog run={run} onClose={onClose} /> : <CancelDialog run={run} open onClose={onClose} />;
}
