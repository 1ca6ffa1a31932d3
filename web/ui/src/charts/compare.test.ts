import { describe, expect, it } from "vitest";
import { above, Bands, density, Matrix, Palette, ranked, spread, statsOf } from "./compare";

function matrix(rows: number[][], firstStep = 0): Matrix {
  const made = new Matrix(rows.length, rows[0]!.length, firstStep, 1_000);
  rows.forEach((values, row) => {
    made.row(row).set(values);
  });
  return made;
}

describe("percentiles", () => {
  it("are values that some host has, unknown ones left out", () => {
    const band = new Bands().of(matrix([[1], [2], [3], [4], [5], [6], [7], [8], [9], [10], [Number.NaN]]), "a", 1);
    expect([band.p10[0], band.p50[0], band.p90[0]]).toEqual([1, 5, 9]);
  });

  it("of columns that are over stay, those under way and those of other hosts do not", () => {
    const bands = new Bands();
    bands.of(matrix([[1, 1, 1]]), "a", 1);
    expect([...bands.of(matrix([[9, 9, 9]]), "a", 1).p50]).toEqual([1, 1, 9]);
    expect([...bands.of(matrix([[9, 9, 9]]), "b", 1).p50]).toEqual([9, 9, 9]);
    expect([...bands.of(matrix([[7, 7, 7]], 1), "b", 1).p50]).toEqual([9, 9, 7]);
  });

  it("are unknown where nobody says anything", () => {
    expect([...new Bands().of(matrix([[Number.NaN]]), "a", 1).p50]).toEqual([Number.NaN]);
  });
});

describe("ranking", () => {
  const data = matrix([
    [1, 9, 2],
    [5, 5, 5],
    [8, 1, Number.NaN],
    [Number.NaN, Number.NaN, Number.NaN],
  ]);

  it("knows the newest, the mean and the largest value of each host", () => {
    expect(statsOf(data, 1)).toEqual([
      { now: 2, avg: 4, max: 9 },
      { now: 5, avg: 5, max: 5 },
      { now: Number.NaN, avg: 4.5, max: 8 },
      { now: Number.NaN, avg: Number.NaN, max: Number.NaN },
    ]);
  });

  it("puts the largest first and the unknown last", () => {
    const stats = statsOf(data, 1);
    const names = ["a", "b", "c", "d"];
    expect(ranked(stats, "max", names)).toEqual([0, 2, 1, 3]);
    expect(ranked(stats, "now", names)).toEqual([1, 0, 2, 3]);
    expect(ranked([stats[1]!, stats[1]!], "max", ["z", "a"])).toEqual([1, 0]);
  });
});

it("counts hosts above a threshold by column", () => {
  expect([
    ...above(
      matrix([
        [1, 90],
        [85, 95],
        [Number.NaN, 70],
      ]),
      80,
    ),
  ]).toEqual([1, 2]);
});

it("counts hosts in cells from the top down, what is above the scale in the first", () => {
  expect([
    ...density(
      matrix([
        [100, 0],
        [250, 49],
      ]),
      2,
      100,
    ),
  ]).toEqual([2, 0, 0, 2]);
});

it("moves labels apart upwards", () => {
  expect(spread([100, 98, 20], 15, 200)).toEqual([100, 85, 20]);
  expect(spread([300], 15, 200)).toEqual([200]);
});

it("lets a host keep its colour while its rank changes", () => {
  const palette = new Palette();
  palette.assign(["a", "b", "c"]);
  expect([...palette.assign(["c", "d", "a"])]).toEqual([
    ["c", 2],
    ["a", 0],
    ["d", 1],
  ]);
});
