import { expect, it } from "vitest";
import { Timeline } from "./timeline";

function timeline(capacity?: number): Timeline {
  const made = new Timeline(capacity);
  made.setSchema(1, ["a", "b"]);
  return made;
}

it("keeps rows in time order, each time once, the later word winning", () => {
  const line = timeline();
  line.add(1, 3_000, [3, 30]);
  line.add(1, 1_000, [1, 10]);
  line.add(1, 2_000, [2, 20]);
  line.add(1, 2_000, [2.5, 25]);
  expect([...line.times]).toEqual([1_000, 2_000, 3_000]);
  expect([...line.column("a")!]).toEqual([1, 2.5, 3]);
});

it("has NaN before a disk came and where a row does not say", () => {
  const line = timeline();
  line.add(1, 1_000, [1, 10]);
  line.setSchema(2, ["a", "c"]);
  line.add(2, 2_000, [2, 7]);
  expect([...line.column("c")!]).toEqual([Number.NaN, 7]);
  expect([...line.column("b")!]).toEqual([10, Number.NaN]);
  expect(line.column("never")).toBeUndefined();
});

it("lets the oldest go, and takes no row older than a full memory", () => {
  const line = timeline(8);
  for (let i = 1; i <= 20; i++) line.add(1, i, [i, i]);
  expect(line.length).toBeLessThanOrEqual(8);
  expect(line.newestMs).toBe(20);
  expect([...line.column("a")!]).toEqual([...line.times]);
});

it("finds the row at and near a moment", () => {
  const line = timeline();
  for (const t of [1_000, 2_000, 5_000]) line.add(1, t, [t, t]);
  expect([line.rowAt(999), line.rowAt(2_500), line.rowAt(9_000)]).toEqual([-1, 1, 2]);
  expect([line.rowNear(2_400, 500), line.rowNear(3_500, 500), line.rowNear(4_900, 500)]).toEqual([1, -1, 2]);
});

it("takes series of the history at their own times", () => {
  const line = timeline();
  line.addSeries("a", [1_000, 2_000], [1, 2]);
  line.addSeries("b", [2_000, 3_000], [20, 30]);
  expect([...line.column("a")!]).toEqual([1, 2, Number.NaN]);
  expect([...line.column("b")!]).toEqual([Number.NaN, 20, 30]);
});

it("leaves rows of a schema that was never announced out", () => {
  const line = timeline();
  line.add(9, 1_000, [1]);
  expect(line.length).toBe(0);
});
