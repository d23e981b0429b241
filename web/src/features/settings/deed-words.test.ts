import { describe, expect, it } from "vitest";
import { deedWords, refusal } from "./deed-words";

describe("the audit trail in words", () => {
  it("tells a run's start from an order to it", () => {
    expect(deedWords({ method: "POST", path: "/api/workflow-executions" })).toBe("started a run");
    expect(deedWords({ method: "POST", path: "/api/workflow-executions/run_1/cancel" })).toBe("cancelled a run");
    expect(deedWords({ method: "DELETE", path: "/api/workflow-executions/7" })).toBe("deleted a run");
  });

  it("leaves what it does not know to the path", () => {
    expect(deedWords({ method: "POST", path: "/api/something/new" })).toBeNull();
    expect(deedWords({ method: "GET", path: "/api/workflow-executions" })).toBeNull();
  });

  it("says when it was not done", () => {
    expect([201, 403, 409, 500].map(refusal)).toEqual([null, "not allowed", "refused", "failed"]);
  });
});
