import { describe, expect, test } from "vitest";
import { age, byHostClock, clock, clockMs, span } from "./age";
import { severity } from "./severity";
import { byteRate, capacity, count, duration, percent, printed, quantity, three } from "./units";

describe("figures", () => {
  test("have three significant figures", () => {
    expect([1.236, 12.36, 123.6, 0.361, 9.996, 99.96, 0, -5].map(three)).toEqual([
      "1.24",
      "12.4",
      "124",
      "0.36",
      "10.0",
      "100",
      "0.00",
      "−5.00",
    ]);
  });

  test("rates are decimal, capacities binary", () => {
    expect(printed(byteRate(1_200_000))).toBe("1.20 MB/s");
    expect(printed(byteRate(999_600))).toBe("1.00 MB/s");
    expect(printed(byteRate(0))).toBe("0 B/s");
    expect(printed(byteRate(1_023_000_000))).toBe("1.02 GB/s");
    expect(printed(capacity(17.9 * 1024 ** 3))).toBe("17.9 GiB");
    expect(printed(capacity(999 * 1024 ** 2))).toBe("999 MiB");
    expect(printed(capacity(1_010 * 1024 ** 2))).toBe("0.99 GiB");
    expect(printed(capacity(1_010))).toBe("0.99 KiB");
    expect(printed(capacity(2_000 * 1024 ** 5))).toBe("2,000 PiB");
  });

  test("per cent has one decimal, counts are grouped", () => {
    expect(percent(12.34)).toBe("12.3");
    expect(percent(-0.01)).toBe("0.0");
    expect(printed(count(98_519))).toBe("98,519");
    expect(printed(count(1_850_000))).toBe("1.85 M");
  });

  test("times choose their unit", () => {
    expect(printed(duration(0.36))).toBe("0.36 ms");
    expect(printed(duration(38.6))).toBe("38.6 ms");
    expect(printed(duration(1_840))).toBe("1.84 s");
    expect(printed(duration(999.7))).toBe("1.00 s");
  });

  test("what is not known is a dash, never 0", () => {
    for (const quantityOf of [byteRate, capacity, count, duration]) expect(printed(quantityOf(Number.NaN))).toBe("—");
    expect(percent(Number.NaN)).toBe("—");
    expect(printed(quantity("disk.util_pct[sda]", Number.NaN))).toBe("—");
  });

  test("the name of a metric says its unit", () => {
    expect(printed(quantity("disk.util_pct[sda]", 12.34))).toBe("12.3 %");
    expect(printed(quantity("net.rx_bytes_per_s[eth0]", 2_500))).toBe("2.50 kB/s");
    expect(printed(quantity("memory.used_bytes", 1024 ** 3))).toBe("1.00 GiB");
    expect(printed(quantity("disk.await_ms[sda]", 1_500))).toBe("1.50 s");
    expect(printed(quantity("disk.reads_per_s[sda]", 12))).toBe("12.0 /s");
    expect(printed(quantity("load.1m", 1.5))).toBe("1.50");
  });
});

test("ages are cut, not rounded", () => {
  expect([400, 9_999, 12_400, 134_000, 11_520_000, 3_564_000_000, -3].map(age)).toEqual([
    "0.4 s",
    "9.9 s",
    "12 s",
    "2 m 14 s",
    "3 h 12 m",
    "41 d 6 h",
    "0.0 s",
  ]);
  expect(age(Number.NaN)).toBe("—");
});

test("spans are round where they can be", () => {
  expect([1_000, 120_000, 300_000, 3_600_000, 604_800_000, 301_000].map(span)).toEqual([
    "1 s",
    "120 s",
    "5 m",
    "1 h",
    "7 d",
    "5 m 1 s",
  ]);
});

test("clocks are 24 h", () => {
  const ms = Date.UTC(2026, 10, 24, 12, 3, 11, 313);
  expect(clock(ms)).toBe("12:03:11");
  expect(clockMs(ms)).toBe("12:03:11.313");
  expect(clock(Number.NaN)).toBe("—");
});

test("the host's own clock is said with its date and how far it is off", () => {
  const ms = Date.UTC(2026, 10, 24, 23, 30, 11, 313);
  expect(byHostClock(ms, ms + 3_600_000)).toBe("2026-11-25 00:30:11.313 by the host's own clock, 1 h 0 m ahead");
  expect(byHostClock(ms, ms - 1_840)).toBe("2026-11-24 23:30:09.473 by the host's own clock, 1840 ms behind");
  expect(byHostClock(ms, ms)).toBe("2026-11-24 23:30:11.313 by the host's own clock, the same");
  expect(byHostClock(ms, Number.NaN)).toBe("");
});

test("severities have one table", () => {
  expect([84.9, 85, 97].map((value) => severity("disk.util_pct", value))).toEqual(["", "warn", "bad"]);
  expect(severity("clock_offset_ms", -501)).toBe("warn");
  expect(severity("memory.used_pct", Number.NaN)).toBe("");
  expect(severity("load.1m", 1e9)).toBe("");
});
