import { expect, it } from "vitest";
import { Rates } from "./rates";

it("gives lines a second over whole seconds, busiest first", () => {
  const rates = new Rates();
  for (let second = 0; second < 9; second++) {
    rates.add("a", second * 1000, 2);
    rates.add("b", second * 1000, 4);
  }
  expect(rates.list(9_000)).toEqual([
    ["b", 4],
    ["a", 2],
  ]);
});

it("keeps a name that fell silent, with 0", () => {
  const rates = new Rates();
  rates.add("a", 1_000);
  expect(rates.list(60_000)).toEqual([["a", 0]]);
});
