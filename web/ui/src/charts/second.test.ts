import { describe, expect, it } from "vitest";
import { filesystemsOf, secondAt, sorted, tablesOf } from "./second";
import { Timeline } from "./timeline";

function watched(): Timeline {
  const line = new Timeline();
  line.setSchema(1, ["iostat.age_ms", "cpu.user_pct", "disk.util_pct[sda]"]);
  line.add(1, 1_000, [0, 10, 1]);
  for (let i = 1; i < 10; i++) line.add(1, 1_000 + i * 100, [i * 100, 50, 9]);
  line.add(1, 2_000, [0, 20, 2]);
  line.add(1, 2_100, [100, 51, 9]);
  return line;
}

describe("the second that iostat printed", () => {
  it("is the report's row, not one of the kernel's rows around it", () => {
    const line = watched();
    expect(secondAt(line, null)).toEqual({ row: 10, timeMs: 2_000, source: "iostat" });
    expect(secondAt(line, 1_940)).toEqual({ row: 0, timeMs: 1_000, source: "iostat" });
    expect(tablesOf(line, 10).cpu[0]).toEqual({ head: "%user", value: 20 });
  });

  it("is the kernel's row where no iostat runs, and nothing where nothing is known", () => {
    const line = new Timeline();
    line.setSchema(1, ["cpu.user_pct"]);
    line.add(1, 1_000, [10]);
    expect(secondAt(line, null)).toEqual({ row: 0, timeMs: 1_000, source: "kernel" });
    expect(secondAt(line, 60_000)).toBeNull();
    expect(secondAt(new Timeline(), null)).toBeNull();
  });
});

it("sorts by a column, largest first, unknown last", () => {
  const table = {
    columns: [{ head: "x", title: "" }],
    rows: [1, Number.NaN, 3].map((x) => ({ device: `d${x}`, cells: [x] })),
  };
  expect(sorted(table, "x").rows.map((row) => row.device)).toEqual(["d3", "d1", "dNaN"]);
  expect(sorted(table, "gone")).toBe(table);
});

it("says when a file system is full at this rate, and not where it does not grow", () => {
  const line = new Timeline();
  line.setSchema(
    1,
    ["a", "b"].flatMap((m) => [
      `filesystem.used_bytes[/${m}]`,
      `filesystem.total_bytes[/${m}]`,
      `filesystem.used_pct[/${m}]`,
    ]),
  );
  line.add(1, 0, [100, 1_000, 10, 500, 1_000, 50]);
  line.add(1, 300_000, [200, 1_000, 20, 500, 1_000, 50]);
  expect(filesystemsOf(line, 1)).toEqual([
    { mount: "/b", usedBytes: 500, usedPct: 50, fullInMs: Number.NaN },
    { mount: "/a", usedBytes: 200, usedPct: 20, fullInMs: 2_400_000 },
  ]);
});
