import { describe, expect, it } from "vitest";
import type { JsonSchema } from "~/api/types";
import { commandLine, filled, initial, jsonFrom, kindOf, labelOf, numberFrom, problems } from "./schema";

const schema: JsonSchema = {
  type: "object",
  properties: {
    featureName: { type: "string", minLength: 3 },
    environment: { type: "string", enum: ["dev", "staging"], default: "dev" },
    maxFiles: { type: "integer", minimum: 1, maximum: 50, default: 25 },
    dryRun: { type: "boolean", default: false },
    targets: { type: "array", items: { type: "string", minLength: 1 }, maxItems: 2 },
    deploy: { type: "object", properties: { region: { type: "string" }, "a/b": { type: "number" } }, required: ["region"] },
    free: {},
  },
  required: ["featureName"],
};

describe("a form made from an args schema", () => {
  it("begins with the defaults and leaves the rest to the server", () => {
    expect(initial(schema)).toEqual({ environment: "dev", maxFiles: 25, dryRun: false, deploy: {} });
    expect(filled(schema, initial(schema))).toEqual({ environment: "dev", maxFiles: 25, dryRun: false });
  });

  it("has a field of the right kind for each property", () => {
    const kinds = Object.fromEntries(Object.entries(schema.properties!).map(([name, each]) => [name, kindOf(each)]));
    expect(kinds).toEqual({ featureName: "text", environment: "choice", maxFiles: "number", dryRun: "boolean", targets: "list", deploy: "group", free: "json" });
  });

  it("says what is wrong by pointer, and what would be right", () => {
    expect(problems(schema, {})).toEqual([{ pointer: "/featureName", detail: "This is needed" }]);
    const wrong = problems(schema, { featureName: "ab", environment: "prod", maxFiles: 0.5, targets: ["a", "", "c"], deploy: { "a/b": numberFrom("x") } });
    expect(wrong.map((each) => each.pointer)).toEqual(["/featureName", "/environment", "/maxFiles", "/targets", "/targets/1", "/deploy/region", "/deploy/a~1b"]);
    expect(wrong[0]!.detail).toBe("At least 3 characters. This has 2.");
    expect(wrong[1]!.detail).toBe("One of dev, staging");
  });

  it("counts characters as people do", () => {
    expect(problems({ type: "string", maxLength: 2 }, "👍👍")).toEqual([]);
  });

  it("is not fooled by a pattern that is none", () => {
    expect(problems({ type: "string", pattern: "(" }, "x")).toEqual([]);
  });

  it("keeps what was typed and is no JSON, and says so", () => {
    expect(problems({}, jsonFrom("{"))[0]!.detail).toContain("This is not JSON");
    expect(jsonFrom(" ")).toBeUndefined();
    expect(jsonFrom('{"a":[1]}')).toEqual({ a: [1] });
  });

  it("names fields for people", () => {
    expect(labelOf("featureName", {})).toBe("Feature name");
    expect(labelOf("max_files", {})).toBe("Max files");
    expect(labelOf("x", { title: "The title" })).toBe("The title");
  });

  it("shows the same as a command, with values that no shell takes apart", () => {
    expect(commandLine("release", { version: "1.2.0", who: "it's $(me)", list: ["a"] })).toBe(
      `baton run release --arg version=1.2.0 --arg 'who=it'\\''s $(me)' --arg 'list=["a"]'`,
    );
  });
});
