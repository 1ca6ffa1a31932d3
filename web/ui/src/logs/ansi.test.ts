import { expect, it } from "vitest";
import { parseAnsi } from "./ansi";

it("leaves ordinary text alone, tabs and emoji included", () => {
  expect(parseAnsi("a\tb ✔ 漢字")).toEqual({ text: "a\tb ✔ 漢字", spans: [] });
});

it("names colours and weight, and ends them where the program did", () => {
  expect(parseAnsi("\x1b[1;32mok\x1b[0m done")).toEqual({
    text: "ok done",
    spans: [{ start: 0, end: 2, style: "a-green a-bold" }],
  });
});

it("draws 256 and true colours in the nearest of eight", () => {
  expect(parseAnsi("\x1b[38;5;196mred\x1b[38;2;20;20;250mblue").spans.map((span) => span.style)).toEqual([
    "a-red",
    "a-blue",
  ]);
});

it("takes other sequences out, also unfinished ones", () => {
  expect(parseAnsi("\x1b[2K\x1b]8;;http://x\x07link\x1b]8;;\x07 \x1b[31").text).toBe("link ");
  expect(parseAnsi("a\x1b").text).toBe("a");
});

it("shows other control characters as pictures, and no mark that turns the reading direction", () => {
  expect(parseAnsi("a\x00b\rc\x7f\u202ed").text).toBe("a␀b␍c␡\ufffdd");
});

it("never makes markup", () => {
  expect(parseAnsi("<img src=x onerror=alert(1)>\x1b[31m<b>").text).toBe("<img src=x onerror=alert(1)><b>");
});
