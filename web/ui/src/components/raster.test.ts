import { beforeAll, expect, test } from "vitest";
import { packed, Raster, stack } from "./raster";

beforeAll(() => {
  // Node has no canvas; its array is all that is drawn on.
  globalThis.ImageData ??= class {
    readonly data: Uint8ClampedArray;
    constructor(
      readonly width: number,
      readonly height: number,
    ) {
      this.data = new Uint8ClampedArray(width * height * 4);
    }
  } as unknown as typeof ImageData;
});

const COLOURS = { parts: [1, 2], base: 8, hatch: 9 };
const drawn = (width: number, columns: number, parts: number[][], hole = true): number[][] => {
  const raster = new Raster();
  raster.resize(width, 11);
  stack(
    raster,
    { x: 0, y: 0, width, height: 11 },
    columns,
    (part, column) => parts[part]![column]!,
    () => hole,
    COLOURS,
    1,
  );
  const rows: number[][] = [];
  for (let y = 0; y < 11; y++) rows.push(Array.from({ length: width }, (_, x) => raster.pixel(x, y)));
  return rows;
};
const heights = (rows: number[][], colour: number): number[] =>
  rows[0]!.map((_, x) => rows.filter((row) => row[x] === colour).length);

test("parts stand on each other, on a scale of 0 to 100", () => {
  const rows = drawn(2, 2, [
    [45.5, 100],
    [18.2, 50],
  ]);
  // The lowest pixel is the base line.
  expect(heights(rows, 1)).toEqual([4, 10]);
  expect(heights(rows, 2)).toEqual([2, 0]);
});

test("a spike of one second survives where several share a pixel", () => {
  const rows = drawn(1, 3, [
    [10, 91, 10],
    [Number.NaN, Number.NaN, Number.NaN],
  ]);
  expect(heights(rows, 1)).toEqual([9]);
});

test("a hole is hatched, and what is not due yet is blank", () => {
  expect(
    heights(drawn(5, 5, [Array(5).fill(Number.NaN), Array(5).fill(Number.NaN)]), 9).every((count) => count > 0),
  ).toBe(true);
  expect(heights(drawn(5, 5, [Array(5).fill(Number.NaN), Array(5).fill(Number.NaN)], false), 9)).toEqual([
    0, 0, 0, 0, 0,
  ]);
});

test("zero is not a hole", () => {
  expect(heights(drawn(1, 1, [[0], [0]]), 9)).toEqual([0]);
});

test("colours are packed as a canvas stores them, and greyed by their lightness", () => {
  expect(packed("#3fcfb4")).toBe(0xffb4cf3f);
  const grey = packed("#ff0000", 1);
  expect([grey & 255, (grey >> 8) & 255, (grey >> 16) & 255]).toEqual([54, 54, 54]);
});
