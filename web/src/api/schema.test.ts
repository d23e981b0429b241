import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
// @ts-expect-error A script, without types of its own.
import { description, file, types } from "../../dev/types.mjs";
import { endpoints } from "./endpoints";

describe("what the server says", () => {
  it("the types are what the description of the API says", { timeout: 60_000 }, async () => {
    expect(readFileSync(file as string, "utf8") === (await (types as () => Promise<string>)()), "docs/openapi.json has changed: npm run types").toBe(true);
  });

  it("every path that is asked for is described", () => {
    const templates = Object.keys((description as { paths: object }).paths).map((path) => new RegExp(`^${path.replaceAll(/\{[^}]+\}/g, "[^/]+")}$`));
    const asked = Object.values(endpoints).map((path) => (path as (...args: string[]) => string)("a", "b", "c").split("?")[0]!);
    // The socket is described with the events, and order and decide take a word of their own.
    const words = ["pause", "resume", "cancel", "retry", "fork"].map((word) => endpoints.order("a", word as "pause"));
    const decisions = ["approve", "reject", "answer", "skip-wait"].map((word) => endpoints.decide("a", word as "approve"));
    const known = [...asked.filter((path) => !/\/b$/.test(path) || path.includes("logs") || path.includes("deliveries")), ...words, ...decisions];
    expect(known.filter((path) => !templates.some((template) => template.test(path)))).toEqual([]);
  });
});
