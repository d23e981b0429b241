/** Pure: files on their way, and those that were refused. */

export interface Upload {
  key: number;
  file: File;
  /** The message it belongs to, once that is said. */
  message: number | null;
  /** What it has become on the server, where only attaching it failed. */
  artifact: string | null;
  /** How much has gone, 0 to 1; null while it is not on its way. */
  share: number | null;
  /** Why it is still here. */
  refused: string | null;
}

export type Change =
  | { kind: "add"; files: { key: number; file: File }[] }
  | { kind: "begin"; keys: number[]; message: number | null }
  | { kind: "gone"; key: number; share: number }
  | { kind: "kept"; key: number; artifact: string }
  | { kind: "refused"; key: number; why: string }
  | { kind: "drop"; key: number };

export function changed(all: Upload[], change: Change): Upload[] {
  const set = (key: number, more: Partial<Upload>) => all.map((each) => (each.key === key ? { ...each, ...more } : each));
  switch (change.kind) {
    case "add":
      return [...all, ...change.files.map((each) => ({ ...each, message: null, artifact: null, share: null, refused: null }))];
    case "begin":
      // One that is sent anew stays with the message that it was sent with.
      return all.map((each) => (change.keys.includes(each.key) ? { ...each, message: each.message ?? change.message, share: 0, refused: null } : each));
    case "gone":
      return set(change.key, { share: change.share });
    case "kept":
      return set(change.key, { artifact: change.artifact });
    case "refused":
      return set(change.key, { share: null, refused: change.why });
    case "drop":
      return all.filter((each) => each.key !== change.key);
  }
}
