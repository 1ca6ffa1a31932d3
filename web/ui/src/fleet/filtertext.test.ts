import { expect, test } from "vitest";
import { also, atCursor, finished, operands, words } from "./filtertext";

test("the words of a filter, joined, are the filter", () => {
  for (const text of ["", "web-*", "role=db & !(dc=fra1 | x)", "  a&b ", "=x", "a==b", "((("])
    expect(
      words(text)
        .map((word) => word.text)
        .join(""),
    ).toBe(text);
  expect(words("!role=db").map((word) => word.kind)).toEqual(["operator", "key", "value"]);
});

test("an unfinished tail is left out while someone types", () => {
  expect(finished("role=db & dc=")).toBe("role=db");
  expect(finished("role=db & ")).toBe("role=db");
  expect(finished("role=db & !")).toBe("role=db");
  expect(finished("role=")).toBe("");
  expect(finished("(role=db | role=web")).toBe("(role=db | role=web)");
  expect(finished("a & (")).toBe("a");
  expect(finished(" role=db ")).toBe("role=db");
});

test("what is wrong in the middle stays, for the hub to explain", () => {
  expect(finished("a & & b")).toBe("a & & b");
  expect(finished("a)")).toBe("a)");
});

test("the word at the cursor knows whether it is a name or a label's value", () => {
  expect(atCursor("role=db & dc=f", 14)).toEqual({ key: "dc", typed: "f", start: 13, end: 14 });
  expect(atCursor("web", 3)).toEqual({ key: null, typed: "web", start: 0, end: 3 });
  expect(atCursor("role=db & ", 10)).toEqual({ key: null, typed: "", start: 10, end: 10 });
});

test("a term joins what is there without changing its meaning", () => {
  expect(also("", "a")).toBe("a");
  expect(also("*", "a")).toBe("a");
  expect(also("a & b", "c")).toBe("a & b & c");
  expect(also("a | b", "c")).toBe("(a | b) & c");
});

test("a plain chain has operands, anything else has none", () => {
  expect(operands("web-* & role=db")).toEqual({ joined: "&", terms: ["web-*", "role=db"] });
  expect(operands("a")).toEqual({ joined: "", terms: ["a"] });
  expect(operands("a & b | c")).toBeNull();
  expect(operands("a & (b)")).toBeNull();
});
