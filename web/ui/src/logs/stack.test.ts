import { expect, it } from "vitest";
import { StackFolder } from "./stack";

function heads(lines: string[]): string[] {
  const folder = new StackFolder();
  return lines.filter((line) => !folder.continues(line));
}

it("folds a Python traceback with the exception that ends it", () => {
  expect(
    heads([
      "start",
      "Traceback (most recent call last):",
      '  File "a.py", line 1, in f',
      "    g()",
      "TimeoutError: db",
      "next",
    ]),
  ).toEqual(["start", "Traceback (most recent call last):", "next"]);
});

it("folds a chained traceback into one", () => {
  expect(
    heads([
      "Traceback (most recent call last):",
      "  x",
      "KeyError: 1",
      "During handling of the above exception, another exception occurred:",
      "",
      "Traceback (most recent call last):",
      "  y",
      "ValueError: 2",
      "next",
    ]),
  ).toEqual(["Traceback (most recent call last):", "next"]);
});

it("folds Java frames and causes", () => {
  expect(
    heads([
      "ERROR java.lang.X: no",
      "\tat a.b(C.java:1)",
      "Caused by: java.io.Y",
      "\tat d",
      "\t... 3 more",
      "INFO next",
    ]),
  ).toEqual(["ERROR java.lang.X: no", "INFO next"]);
});

it("does not fold an indented line that follows nothing", () => {
  const folder = new StackFolder();
  expect(folder.continues("   at a.b")).toBe(false);
  folder.reset();
  expect(folder.continues("\tat a.b")).toBe(false);
});
