import { describe, expect, it } from "vitest";
import { marked, plain, spans } from "./ansi";

const ESC = "\u001b";

describe("a line of a log", () => {
  it("has its colours as styles, and its text without escapes", () => {
    expect(spans(`${ESC}[32m✓${ESC}[0m ok ${ESC}[1;31mbad${ESC}[39;22m end`)).toEqual([
      { text: "✓", style: "g" },
      { text: " ok ", style: "" },
      { text: "bad", style: "r w" },
      { text: " end", style: "" },
    ]);
  });

  it("maps 256 and true colours to ours, so that contrast holds", () => {
    expect(spans(`${ESC}[38;5;196mred${ESC}[38;2;10;200;10mgreen${ESC}[38;5;240mgrey`)).toEqual([
      { text: "red", style: "r" },
      { text: "green", style: "g" },
      { text: "grey", style: "d" },
    ]);
  });

  it("keeps nothing that could act: titles, links, cursor moves, bidi overrides", () => {
    expect(plain(`a${ESC}]8;;javascript:alert(1)${ESC}\\b${ESC}]0;title\u0007c${ESC}[2Jd\u202ee`)).toBe("abcde");
    expect(spans(`${ESC}]0;title\u0007x${ESC}[10;10Hy`).map((span) => span.text).join("")).toBe("xy");
  });

  it("shows what a progress bar wrote last", () => {
    expect(spans("10 %\r50 %\r100 %")).toEqual([{ text: "100 %", style: "" }]);
    expect(spans("a line of Windows\r")).toEqual([{ text: "a line of Windows", style: "" }]);
  });

  it("takes an escape that is cut off", () => {
    expect(spans(`text${ESC}[3`).map((span) => span.text).join("")).toContain("text");
  });

  it("marks what is searched for and keeps the colours around and in it", () => {
    expect(marked(spans("\u001b[31m✗ failed\u001b[0m Expected 200, got 503"), "FAILED exp")).toEqual([
      { text: "✗ ", style: "r" },
      { text: "failed", style: "r", isFound: true },
      { text: " Exp", style: "", isFound: true },
      { text: "ected 200, got 503", style: "" },
    ]);
    expect(marked(spans("abab"), "ab").map((span) => [span.text, span.isFound])).toEqual([["ab", true], ["ab", true]]);
    expect(marked(spans("nothing"), "x")).toEqual([{ text: "nothing", style: "" }]);
  });
});
