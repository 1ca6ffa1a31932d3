import { expect, test } from "vitest";
import { Columns } from "./columns";
import { F } from "./fields";
import { fill, stepFor } from "./past";

const T0 = 1_764_000_000_000;
const one = (
  series: string,
  min: (number | null)[],
  avg: (number | null)[],
  max: (number | null)[],
  time_ms = [T0, T0 + 10_000],
) => ({ host: 3, name: "a", series, time_ms, min, avg, max });

test("the worst of a step is kept, parts as means, and a step without data is a hole", () => {
  const columns = new Columns(10_000, [F.busy, F.user, F.util]);
  const answer = {
    step_ms: 10_000,
    series: [
      one("cpu.idle_pct", [10, null], [60, null], [90, null]),
      one("cpu.user_pct", [5, null], [20, null], [70, null]),
      one("disk.util_pct[sda]", [1], [2], [99], [T0 + 20_000]),
    ],
  };
  const [host] = fill(columns, answer, (number) => (number === 3 ? 0 : undefined));
  const step = T0 / 10_000;
  expect(columns.value(0, F.busy, step)).toBe(90);
  expect(columns.value(0, F.user, step)).toBe(20);
  expect(columns.value(0, F.busy, step + 1)).toBeNaN();
  expect(columns.value(0, F.util, step + 2)).toBe(99);
  expect(host?.figures[F.util]).toBe(99);
  expect(host?.plan.disks[0]?.name).toBe("sda");
});

test("longer steps are spread over the shorter ones that are known, and fill no hole", () => {
  const columns = new Columns(1_000, [F.busy, F.user]);
  const idle = one("cpu.idle_pct", [50, null, 70], [0, 0, 0], [0, 0, 0], [T0, T0 + 1_000, T0 + 2_000]);
  fill(columns, { step_ms: 1_000, series: [idle] }, () => 0);
  const user = one("cpu.user_pct", [0], [25], [99], [T0]);
  fill(columns, { step_ms: 5_000, series: [user] }, () => 0, [F.user]);
  const step = T0 / 1_000;
  expect([0, 1, 2, 3].map((at) => columns.value(0, F.user, step + at))).toEqual([25, Number.NaN, 25, Number.NaN]);
  expect([0, 1, 2].map((at) => columns.value(0, F.busy, step + at))).toEqual([50, Number.NaN, 30]);
});

test("hosts that are gone meanwhile are left out", () => {
  expect(
    fill(
      new Columns(10_000, [F.busy]),
      { step_ms: 10_000, series: [one("cpu.idle_pct", [1], [1], [1], [T0])] },
      () => undefined,
    ),
  ).toEqual([]);
});

test("steps are whole seconds", () => {
  expect([60_000, 300_000, 301_000, 3_600_000].map(stepFor)).toEqual([1_000, 1_000, 2_000, 12_000]);
});
