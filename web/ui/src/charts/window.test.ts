import { expect, it } from "vitest";
import { stepOf, windowOf } from "./window";

it("follows the edge while live, and stands still in history", () => {
  expect(windowOf({ from: null, to: null, span: "5m" }, 1_000_000)).toEqual({
    fromMs: 700_000,
    toMs: 1_000_000,
    isLive: true,
  });
  expect(windowOf({ from: 5, to: 70_005, span: "5m" }, 1_000_000)).toEqual({ fromMs: 5, toMs: 70_005, isLive: false });
});

it("asks in whole steps, about a point a pixel", () => {
  expect([300_000, 3_600_000, 604_800_000].map((span) => stepOf({ fromMs: 0, toMs: span }))).toEqual([
    1_000, 5_000, 900_000,
  ]);
});
