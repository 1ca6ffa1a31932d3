import { expect, it } from "vitest";
import { Marker } from "./pattern";

it("marks hits, flags of RE2 included", () => {
  expect(new Marker("(?i)timeout|orders").marks("Timeout of ORDERS")).toEqual([
    [0, 7],
    [11, 17],
  ]);
});

it.each(["(?U)a", "(", "(a+)+$", "[[:alpha:", ""])("paints nothing for %j, and throws nothing", (source) => {
  expect(new Marker(source).marks("aaaa")).toEqual([]);
});

it("does not hang on empty hits", () => {
  expect(new Marker("x*").marks("axxb")).toEqual([[1, 3]]);
});
