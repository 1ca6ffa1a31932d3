import { describe, expect, it } from "vitest";
import { holes, niceTop, steadyTop, timeTicks } from "./axis";

it("marks whole times, with room for their labels", () => {
  const ticks = timeTicks(30_000, 330_000, 700);
  expect(ticks.stepMs).toBe(60_000);
  expect(ticks.times).toEqual([60_000, 120_000, 180_000, 240_000, 300_000]);
  expect(timeTicks(0, 0, 700).times).toEqual([]);
});

it("chooses tops that people count in", () => {
  expect([niceTop(3), niceTop(41), niceTop(100), niceTop(0.02, 0.01), niceTop(Number.NaN, 10)]).toEqual([
    4, 50, 100, 0.02, 10,
  ]);
});

it("lets a top rise at once and fall late", () => {
  expect(steadyTop(50, 60)).toBe(100);
  expect(steadyTop(100, 40)).toBe(100);
  expect(steadyTop(100, 20)).toBe(20);
});

describe("holes", () => {
  it("are seen at the start, within, and at the end", () => {
    expect(holes(Float64Array.of(4_000, 5_000, 9_000, 10_000), 0, 20_000, 2_500)).toEqual([
      [0, 4_000],
      [5_000, 9_000],
      [10_000, 20_000],
    ]);
  });

  it("are not made by the edge of the view", () => {
    expect(holes(Float64Array.of(1_000, 2_000, 3_000), 1_500, 3_500, 2_500)).toEqual([]);
  });

  it("are everything where there is nothing", () => {
    expect(holes(new Float64Array(0), 0, 10, 5)).toEqual([[0, 10]]);
  });
});
