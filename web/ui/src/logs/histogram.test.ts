import { expect, it } from "vitest";
import { Histogram, niceStep } from "./histogram";
import { LEVELS } from "./levels";

const at = (bins: ReturnType<Histogram["bins"]>, bin: number, level: string) =>
  bins.counts[bin * LEVELS.length + LEVELS.indexOf(level as never)];

it("counts lines into the bin of their second", () => {
  const histogram = new Histogram();
  histogram.add(10_500, "error");
  histogram.add(10_900, "error");
  histogram.add(11_000, "info");
  const bins = histogram.bins(10_000, 12_000, 2);
  expect([bins.stepMs, bins.count, at(bins, 0, "error"), at(bins, 1, "info")]).toEqual([1000, 2, 2, 1]);
  expect(histogram.totals(10_000, 11_999)).toMatchObject({ error: 2, info: 1, warn: 0 });
});

it("tells what was not counted from what is zero", () => {
  const histogram = new Histogram();
  histogram.knownFromMs = 11_000;
  expect([...histogram.bins(9_000, 13_000, 4).known]).toEqual([0, 0, 1, 1]);
});

it("takes the hub's exact counts of a second instead of its own", () => {
  const histogram = new Histogram();
  histogram.add(10_000, "info");
  histogram.setExact(10_000, { info: 6_000, error: 3 });
  histogram.add(10_200, "info");
  expect(histogram.totals(10_000, 10_999)).toMatchObject({ info: 6_000, error: 3 });
});

it("lets an old line not overwrite the present", () => {
  const histogram = new Histogram();
  histogram.add(3_600_000, "info");
  histogram.add(0, "error");
  expect(histogram.totals(0, 3_600_500)).toMatchObject({ info: 1, error: 0 });
});

it("chooses steps that people count in", () => {
  expect([niceStep(300), niceStep(2_400), niceStep(41_000), niceStep(100_000_000)]).toEqual([
    1_000, 5_000, 60_000, 172_800_000,
  ]);
});
