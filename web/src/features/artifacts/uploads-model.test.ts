import { describe, expect, it } from "vitest";
import { type Change, changed, type Upload } from "./uploads-model";

const file = (name: string) => ({ name, size: 3 }) as File;
const after = (...changes: Change[]) => changes.reduce<Upload[]>(changed, []);
const added: Change = { kind: "add", files: [{ key: 1, file: file("a.txt") }, { key: 2, file: file("b.txt") }] };

describe("files on their way", () => {
  it("leave when they have arrived; one that was refused stays with its reason", () => {
    const all = after(added, { kind: "begin", keys: [1, 2], message: 7 }, { kind: "gone", key: 1, share: 0.5 }, { kind: "refused", key: 2, why: "too large" }, { kind: "drop", key: 1 });
    expect(all).toEqual([{ key: 2, file: file("b.txt"), message: 7, artifact: null, share: null, refused: "too large" }]);
  });

  it("sent anew go with the message that they were sent with, and are not sent twice", () => {
    const [again] = after(added, { kind: "begin", keys: [1], message: 7 }, { kind: "kept", key: 1, artifact: "art_1" }, { kind: "refused", key: 1, why: "away" }, { kind: "begin", keys: [1], message: 9 });
    expect(again).toMatchObject({ message: 7, artifact: "art_1", share: 0, refused: null });
  });
});
