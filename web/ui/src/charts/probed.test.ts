import { expect, test } from "vitest";
import { probed } from "./probed";

type Told = HTMLCanvasElement & { probe(x: number, y: number): unknown; values(): unknown[] };

test("a canvas says what it shows, and what it does not know is null, never 0", () => {
  const canvas = { dataset: {} } as unknown as Told;
  const facts = { from: 1_000.4, to: 2_000, step: 1_000, hosts: 3, newest: Number.NaN };
  const row = { host: "db-1", time_ms: 1_000, series: "cpu.busy_pct", value: Number.NaN };
  for (let i = 0; i < 2; i++) probed(canvas, facts, { probe: (x) => (x < 0 ? null : row), values: () => [row] });
  expect(canvas.dataset).toEqual({ from: "1000", to: "2000", step: "1000", hosts: "3", newest: "", drawn: "2" });
  expect(canvas.probe(0, 0)).toEqual({ ...row, value: null });
  expect(canvas.probe(-1, 0)).toBeNull();
  expect(canvas.values()).toEqual([{ ...row, value: null }]);
});
