import { describe, expect, test } from "vitest";
import { COLUMNS, Columns } from "./columns";
import { F, FIELD_COUNT } from "./fields";

const T0 = 1_764_000_000_000;
const STEP0 = T0 / 1_000;
const busy = (value: number): Float32Array => {
  const figures = new Float32Array(FIELD_COUNT).fill(Number.NaN);
  figures[F.busy] = value;
  figures[F.user] = value;
  return figures;
};
const kept = (step_ms = 1_000): Columns => new Columns(step_ms, [F.busy, F.user]);
const row = (columns: Columns, from: number, to: number, slot = 0): number[] =>
  Array.from({ length: to - from }, (_, i) => columns.value(slot, F.busy, from + i));

describe("one column a second", () => {
  test("a hole in the data is a hole", () => {
    const columns = kept();
    columns.write(0, T0, 1_000, busy(1));
    columns.write(0, T0 + 1_000, 1_000, busy(2));
    columns.write(0, T0 + 4_000, 1_000, busy(3));
    expect(row(columns, STEP0, STEP0 + 6)).toEqual([1, 2, Number.NaN, Number.NaN, 3, Number.NaN]);
  });

  test("a sample that came a little late leaves no hole", () => {
    const columns = kept();
    columns.write(0, T0 + 990, 1_000, busy(1));
    columns.write(0, T0 + 2_010, 1_000, busy(2));
    expect(row(columns, STEP0, STEP0 + 3)).toEqual([1, 2, 2]);
  });

  test("a host that sends each ten seconds fills ten columns, and one that falls silent does not", () => {
    const columns = kept();
    columns.write(0, T0, 10_000, busy(5));
    columns.write(0, T0 + 10_000, 10_000, busy(7));
    expect(row(columns, STEP0, STEP0 + 11)).toEqual([5, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7]);
    columns.write(0, T0 + 40_000, 10_000, busy(9));
    expect(row(columns, STEP0 + 11, STEP0 + 41).filter((value) => !Number.isNaN(value))).toEqual([9]);
  });

  test("the ring forgets what is older than its columns", () => {
    const columns = kept();
    columns.write(0, T0, 1_000, busy(1));
    columns.write(0, T0 + COLUMNS * 1_000, 1_000, busy(2));
    expect(columns.value(0, F.busy, STEP0)).toBeNaN();
    expect(columns.value(0, F.busy, STEP0 + COLUMNS)).toBe(2);
    expect(columns.value(0, F.busy, STEP0 + 1)).toBeNaN();
  });

  test("history that comes after the present takes its place behind it", () => {
    const columns = kept();
    columns.write(0, T0 + 10_000, 1_000, busy(9));
    columns.write(0, T0 + 7_000, 1_000, busy(6), Number.NaN);
    columns.write(0, T0 + 8_000, 1_000, busy(7), T0 + 7_000);
    expect(row(columns, STEP0 + 6, STEP0 + 11)).toEqual([Number.NaN, 6, 7, Number.NaN, 9]);
    expect(columns.newest(0)).toBe(STEP0 + 10);
    columns.write(0, T0 - COLUMNS * 1_000, 1_000, busy(1), Number.NaN);
    expect(row(columns, STEP0 + 6, STEP0 + 11)).toEqual([Number.NaN, 6, 7, Number.NaN, 9]);
  });

  test("hosts do not touch each other, and room grows without losing anything", () => {
    const columns = kept();
    columns.write(0, T0, 1_000, busy(1));
    columns.reserve(1_000);
    columns.write(999, T0, 1_000, busy(2));
    expect(columns.value(0, F.busy, STEP0)).toBe(1);
    expect(columns.value(999, F.busy, STEP0)).toBe(2);
    expect(columns.value(500, F.busy, STEP0)).toBeNaN();
    columns.clear(999);
    expect(columns.value(999, F.busy, STEP0)).toBeNaN();
  });
});

test("longer steps keep the worst of a figure and the mean of a part", () => {
  const columns = kept(10_000);
  for (const [i, value] of [10, 90, 20].entries()) columns.write(0, T0 + i * 1_000, 1_000, busy(value));
  expect(columns.value(0, F.busy, T0 / 10_000)).toBe(90);
  expect(columns.value(0, F.user, T0 / 10_000)).toBe(40);
});
