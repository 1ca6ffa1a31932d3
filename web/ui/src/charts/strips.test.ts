import { describe, expect, it } from "vitest";
import { laid, realDevices, stripsOf, sumAt } from "./strips";
import { Timeline } from "./timeline";

function host(values: Record<string, number>): Timeline {
  const line = new Timeline();
  line.setSchema(1, Object.keys(values));
  line.add(1, 1_000, Object.values(values));
  return line;
}

it("shows only strips that the host has series for, in a fixed order", () => {
  const line = host({ "load.1m": 1, "cpu.user_pct": 5, "disk.util_pct[sda]": 3 });
  expect(stripsOf(line, 4).map((strip) => strip.id)).toEqual(["cpu", "util", "await", "queue", "load"]);
  expect(stripsOf(new Timeline(), 4)).toEqual([]);
});

it("draws each disk that is hardware and sums them, so that no byte counts twice", () => {
  const line = host({
    "disk.read_bytes_per_s[sda]": 10,
    "disk.read_bytes_per_s[dm-0]": 10,
    "disk.read_bytes_per_s[sdb]": 5,
    "disk.write_bytes_per_s[sda]": 7,
  });
  const io = stripsOf(line, 0).find((strip) => strip.id === "io")!;
  expect(io.series.map((one) => [one.name, one.isDown])).toEqual([
    ["disk.read_bytes_per_s[sda]", false],
    ["disk.read_bytes_per_s[sdb]", false],
    ["disk.write_bytes_per_s[sda]", true],
  ]);
  const columns = io.series.map((one) => one.values(line));
  expect(io.sums!.map((sum) => [sum.label, sumAt(columns, sum.parts, 0)])).toEqual([
    ["↑ read", 15],
    ["↓ write", 7],
  ]);
  expect(laid("mirror", columns, io.series).map((values) => values[0])).toEqual([10, 15, -7]);
  expect(realDevices(["dm-0"])).toEqual(["dm-0"]);
});

it("weighs a disk's wait by requests, and is 0 where there were none", () => {
  const line = host({
    "disk.util_pct[a]": 1,
    "disk.reads_per_s[a]": 1,
    "disk.read_await_ms[a]": 4,
    "disk.writes_per_s[a]": 3,
    "disk.write_await_ms[a]": 8,
  });
  const wait = stripsOf(line, 0).find((strip) => strip.id === "await")!;
  expect([...wait.series[0]!.values(line)]).toEqual([7]);
});

it("draws the four busiest of many disks, in their own order", () => {
  const line = host(Object.fromEntries(["a", "b", "c", "d", "e", "f"].map((name, i) => [`disk.util_pct[${name}]`, i])));
  expect(stripsOf(line, 0)[0]!.series.map((series) => series.label)).toEqual(["c", "d", "e", "f"]);
});

describe("laying", () => {
  const a = Float32Array.of(1, 2, Number.NaN);
  const b = Float32Array.of(10, Number.NaN, Number.NaN);
  it("stacks, a missing part standing on nothing, a missing row staying missing", () => {
    expect(laid("stack", [a, b]).map((values) => [...values])).toEqual([
      [1, 2, Number.NaN],
      [11, 2, Number.NaN],
    ]);
  });
  it("turns what goes out downwards", () => {
    expect(laid("mirror", [a, b], [{}, { isDown: true }]).map((values) => [...values])).toEqual([
      [1, 2, Number.NaN],
      [-10, Number.NaN, Number.NaN],
    ]);
  });
});
