import { expect, test } from "vitest";
import { type Read, readAt, rowsOf } from "./stripread";

const read = (change: Partial<Read> = {}): Read => ({
  host: "db-1",
  shape: "stack",
  names: ["cpu.user_pct", "cpu.system_pct"],
  series: [{}, {}],
  times: Float64Array.of(1_000, 2_000, 5_000),
  columns: [Float32Array.of(10, 20, Number.NaN), Float32Array.of(5, 30, 7)],
  top: 100,
  fromMs: 0,
  toMs: 10_000,
  withinMs: 1_500,
  ...change,
});

test("a point of a stack names the series whose area is there", () => {
  expect(readAt(read(), 0.2, 0.9)).toEqual({ host: "db-1", time_ms: 2_000, series: "cpu.user_pct", value: 20 });
  expect(readAt(read(), 0.2, 0.6)).toEqual({ host: "db-1", time_ms: 2_000, series: "cpu.system_pct", value: 30 });
});

test("a point among lines names the nearest one", () => {
  expect(readAt(read({ shape: "lines" }), 0.2, 0.72).series).toBe("cpu.system_pct");
});

test("below the middle of a mirror stands what goes out", () => {
  const io = read({ shape: "mirror", names: ["read", "write"], series: [{}, { isDown: true }] });
  expect(readAt(io, 0.2, 0.45)).toMatchObject({ series: "read", value: 20 });
  expect(readAt(io, 0.2, 0.55)).toMatchObject({ series: "write", value: 30 });
});

test("in a hole there is nothing, and nothing is made up from its neighbours", () => {
  expect(readAt(read(), 0.33, 0.5)).toMatchObject({ time_ms: 2_000 });
  expect(readAt(read({ withinMs: 500 }), 0.33, 0.5)).toEqual({ host: "db-1", time_ms: 3_300, series: "", value: null });
});

test("rows are those of the window, with null where a series does not know", () => {
  expect(rowsOf(read({ fromMs: 1_500, toMs: 5_000 }))).toEqual([
    { time_ms: 2_000, "cpu.user_pct": 20, "cpu.system_pct": 30 },
    { time_ms: 5_000, "cpu.user_pct": null, "cpu.system_pct": 7 },
  ]);
});
