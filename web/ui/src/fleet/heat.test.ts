import { describe, expect, test } from "vitest";
import { COLUMNS, Columns } from "./columns";
import { F, FIELD_COUNT } from "./fields";
import { Heat, layout, merged, NO_DATA, NOT_DUE } from "./heat";
import { roundTop } from "./metrics";

const EDGE = 1_764_000_000;
const filled = (series: Record<number, [step: number, value: number][]>): Columns => {
  const columns = new Columns(1_000, [F.busy], 128);
  for (const [slot, samples] of Object.entries(series))
    for (const [step, value] of samples) {
      const figures = new Float32Array(FIELD_COUNT).fill(Number.NaN);
      figures[F.busy] = value;
      columns.write(Number(slot), step * 1_000, 1_000, figures, Number.NaN);
    }
  return columns;
};
const rowsOf = (...rows: number[][]) => rows.map((row) => row.map((slot) => ({ slot, due: true })));

describe("levels", () => {
  test("run from the page's grey to the hottest, a hole is a hole, and the newest second may still come", () => {
    const columns = filled({
      0: [
        [EDGE - 5, 0],
        [EDGE - 4, 50],
        [EDGE - 1, 100],
      ],
    });
    const heat = new Heat();
    heat.update(columns, F.busy, rowsOf([0]), EDGE, 100, false, "a");
    expect([-5, -4, -3, -1, 0].map((ago) => heat.level(0, EDGE + ago))).toEqual([0, 4, NO_DATA, 8, NOT_DUE]);
    heat.update(columns, F.busy, [[{ slot: 0, due: false }]], EDGE, 100, false, "lost");
    expect(heat.level(0, EDGE)).toBe(NO_DATA);
  });

  test("of merged hosts are the worst of them, or their mean", () => {
    const columns = filled({ 0: [[EDGE, 10]], 1: [[EDGE, 90]] });
    const heat = new Heat();
    heat.update(columns, F.busy, rowsOf([0, 1]), EDGE, 100, false, "max");
    expect(heat.level(0, EDGE)).toBe(8);
    heat.update(columns, F.busy, rowsOf([0, 1]), EDGE, 100, true, "mean");
    expect(heat.level(0, EDGE)).toBe(4);
  });

  test("of a later second are found without looking at the whole past again", () => {
    const columns = filled({ 0: [[EDGE, 10]] });
    const heat = new Heat();
    heat.update(columns, F.busy, rowsOf([0]), EDGE, 100, false, "a");
    const figures = new Float32Array(FIELD_COUNT);
    figures[F.busy] = 95;
    columns.write(0, (EDGE + 1) * 1_000, 1_000, figures);
    heat.update(columns, F.busy, rowsOf([0]), EDGE + 1, 100, false, "a");
    expect(heat.level(0, EDGE + 1)).toBe(8);
    expect(heat.level(0, EDGE + 1 - COLUMNS + 1)).toBe(NO_DATA);
  });
});

test("percentiles are of all hosts in that second", () => {
  const samples: Record<number, [number, number][]> = {};
  for (let slot = 0; slot < 100; slot++) samples[slot] = [[EDGE, slot]];
  const heat = new Heat();
  heat.update(
    filled(samples),
    F.busy,
    rowsOf(...Array.from({ length: 100 }, (_, slot) => [slot])),
    EDGE,
    100,
    false,
    "a",
  );
  const { p50, p95, max } = heat.percentiles(EDGE);
  expect(Math.abs(p50 - 49)).toBeLessThan(1);
  expect(Math.abs(p95 - 94)).toBeLessThan(1);
  expect(max).toBe(99);
});

describe("rows", () => {
  test("are as high as fits, and merge only when a pixel each is too much", () => {
    expect(layout([45], 700, 8, 14)).toEqual({ height: 14, per: 1 });
    expect(layout([600], 600, 8, 14)).toEqual({ height: 1, per: 1 });
    const { per, height } = layout([1_000, 9_000], 508, 8, 14);
    expect(per).toBe(20);
    expect(height * (50 + 450)).toBeLessThanOrEqual(500);
    expect(height).toBeGreaterThanOrEqual(1);
  });

  test("hold every host once", () => {
    expect(merged([1, 2, 3, 4, 5], 2)).toEqual([[1, 2], [3, 4], [5]]);
  });
});

test("a scale ends in a round number", () => {
  expect([0, 0.7, 12, 47, 100, 3.3e8].map(roundTop)).toEqual([1, 1, 20, 50, 100, 5e8]);
});
