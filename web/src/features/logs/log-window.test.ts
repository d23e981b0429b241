import { describe, expect, it } from "vitest";
import { Finder, LogWindow, PART } from "./log-window";

const at = (offset: number, content: string, total: number) => ({ offset, next: offset + content.length, total, content });

describe("a window onto a log", () => {
  it("joins lines over the edges of its parts", () => {
    const log = new LogWindow();
    log.reset(at(10, "half\nwhole\nhal", 100));
    expect(log.lines).toEqual(["whole", "hal"]);
    log.append(at(24, "f again\nend", 100));
    expect(log.lines).toEqual(["whole", "half again", "end"]);
    log.prepend(at(0, "first\nsec ", 100));
    expect(log.lines).toEqual(["first", "sec half", "whole", "half again", "end"]);
    expect(log.takeShift()).toBe(2);
    expect(log.isAtStart).toBe(true);
    expect(log.isAtEnd).toBe(false);
  });

  it("gives a line an id that stays while lines come and go above it", () => {
    const log = new LogWindow();
    log.reset(at(10, "half\nwhole\nhal", 100));
    const whole = log.first + log.lines.indexOf("whole");
    log.append(at(24, "f again\nend", 100));
    log.prepend(at(0, "first\nsec ", 100));
    expect(log.first + log.lines.indexOf("whole")).toBe(whole);
    log.reset(at(10, "half\nwhole\nhal", 100));
    expect(log.first + log.lines.indexOf("whole")).not.toBe(whole);
  });

  it("takes no part twice and none that leaves a hole", () => {
    const log = new LogWindow();
    log.reset(at(0, "a\n", 2));
    log.append(at(2, "b\n", 4));
    log.append(at(2, "b\n", 4));
    log.append(at(9, "later\n", 15));
    expect(log.lines).toEqual(["a", "b", ""]);
    expect(log.total).toBe(15);
    expect(log.isAtEnd).toBe(false);
  });

  it("keeps the line that it was opened at, and says where it is when more came in above", () => {
    const log = new LogWindow();
    log.reset({ ...at(20, "found\nafter\n", 100), isLineStart: true });
    log.prepend(at(8, "lf\none\ntwo\n.\n", 100));
    expect(log.lines[log.takeShift()]).toBe("found");
  });

  it("keeps no more than a few parts of a log of any length", () => {
    const log = new LogWindow();
    const line = `${"x".repeat(1023)}\n`;
    const part = line.repeat(PART / 1024);
    log.reset(at(0, part, 20 * PART));
    for (let n = 1; n < 20; n += 1) log.append(at(n * PART, part, 20 * PART));
    expect(log.to - log.from).toBeLessThanOrEqual(3 * PART);
    expect(log.isAtEnd).toBe(true);
    // What was dropped above is told, so that the view can stay where it is.
    expect(log.takeShift()).toBeLessThan(0);
  });
});

describe("searching a log", () => {
  it("finds lines by their byte, over the edges of what arrives, whatever the case", () => {
    const text = "é nothing\nHere is Über\nno\nüber again";
    const bytes = new TextEncoder().encode(text);
    const finder = new Finder("ÜBER");
    for (let from = 0; from < bytes.length; from += 3) finder.push(bytes.subarray(from, from + 3));
    finder.end();
    const found = finder.matches.map((match) => new TextDecoder().decode(bytes.subarray(match.offset)).split("\n")[0]);
    expect(found).toEqual(["Here is Über", "über again"]);
  });
});
