import { describe, expect, it } from "vitest";
import { folders, parse, rowsOf } from "./diff-model";

const text = `diff --git a/src/token.ts b/src/token.ts
index 111..222 100644
--- a/src/token.ts
+++ b/src/token.ts
@@ -1,3 +1,3 @@ function find()
 const a = 1;
-if (!row) throw new Error();
+if (!row || row.revoked) throw new Error();
 end();
diff --git a/new <b>.md b/new <b>.md
new file mode 100644
index 000..111
--- /dev/null
+++ b/new <b>.md
@@ -0,0 +1 @@
+hello
\\ No newline at end of file
diff --git a/logo.png b/logo.png
index 1..2 100644
Binary files a/logo.png and b/logo.png differ
`;

describe("a diff", () => {
  it("is files with lines and their numbers", () => {
    const files = parse(text);
    expect(files.map((file) => [file.path, file.change, file.plus, file.minus])).toEqual([
      ["src/token.ts", "modified", 1, 1],
      ["new <b>.md", "added", 1, 0],
      ["logo.png", "modified", 0, 0],
    ]);
    expect(files[0]!.hunks[0]!.lines.map((line) => [line.kind, line.before, line.after])).toEqual([
      ["same", 1, 1],
      ["del", 2, null],
      ["add", null, 2],
      ["same", 3, 3],
    ]);
    expect(files[2]!.isBinary).toBe(true);
  });

  it("marks what differs within a line", () => {
    const added = parse(text)[0]!.hunks[0]!.lines[2]!;
    const marked = (added.marks ?? []).map(([from, to]) => added.text.slice(from, to)).join("|");
    expect(marked).toContain("row.revoked");
    expect(marked).not.toContain("throw");
  });

  it("folds files, and stands side by side", () => {
    const files = parse(text);
    expect(rowsOf(files, new Set(files.map((file) => file.path)), false).map((row) => row.kind)).toEqual(["file", "file", "file"]);
    const split = rowsOf(files.slice(0, 1), new Set(), true);
    expect(split.map((row) => row.kind)).toEqual(["file", "hunk", "pair", "pair", "pair"]);
    expect(folders(files).map((each) => each.folder)).toEqual(["", "src"]);
  });
});
