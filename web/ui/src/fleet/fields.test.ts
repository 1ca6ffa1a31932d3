import { describe, expect, test } from "vitest";
import { apply, F, FIELD_COUNT, plan } from "./fields";

const figures = (series: Record<string, number>): { value: Float32Array; disk: string } => {
  const from = plan(Object.keys(series));
  const into = new Float32Array(FIELD_COUNT);
  apply(from, Float32Array.from([0, ...Object.values(series)]), 1, into);
  return { value: into, disk: from.disks[into[F.disk]!]?.name ?? "" };
};

describe("a host's figures", () => {
  test("busy is what is not idle, and nice work is work", () => {
    const { value } = figures({
      "cpu.user_pct": 20,
      "cpu.nice_pct": 5,
      "cpu.system_pct": 10,
      "cpu.iowait_pct": 2.5,
      "cpu.steal_pct": 0,
      "cpu.idle_pct": 62.5,
    });
    expect(value[F.busy]).toBe(37.5);
    expect(value[F.user]).toBe(25);
  });

  test("without iowait and idle the known parts are summed, and what is not measured is NaN", () => {
    const { value } = figures({ "cpu.user_pct": 20, "cpu.system_pct": 10 });
    expect(value[F.busy]).toBe(30);
    expect(value[F.iowait]).toBeNaN();
    expect(value[F.memory]).toBeNaN();
    expect(value[F.read]).toBeNaN();
    expect(value[F.disk]).toBe(-1);
  });

  test("the busiest disk speaks for util and await, the real disks for the bytes", () => {
    const { value, disk } = figures({
      "disk.util_pct[sda]": 10, "disk.util_pct[sdb]": 90, "disk.util_pct[dm-0]": 40, "disk.util_pct[loop0]": 100,
      "disk.await_ms[sda]": 1, "disk.await_ms[sdb]": 38.5, "disk.await_ms[dm-0]": 2,
      "disk.read_bytes_per_s[sda]": 100, "disk.read_bytes_per_s[sdb]": 200, "disk.read_bytes_per_s[dm-0]": 300,
    }); // biome-ignore format: a table
    expect(disk).toBe("sdb");
    expect(value[F.util]).toBe(90);
    expect(value[F.await]).toBe(38.5);
    expect(value[F.read]).toBe(300);
  });

  test("where iostat prints no common await, the slower direction stands for it", () => {
    const { value } = figures({ "disk.util_pct[sda]": 1, "disk.read_await_ms[sda]": 2, "disk.write_await_ms[sda]": 7 });
    expect(value[F.await]).toBe(7);
  });

  test("a bridge does not count again what its card carried", () => {
    const { value } = figures({
      "net.rx_bytes_per_s[eth0]": 5,
      "net.rx_bytes_per_s[docker0]": 5,
      "net.rx_bytes_per_s[eth0.100]": 5,
      "net.tx_bytes_per_s[eth0]": 3,
    });
    expect(value[F.rx]).toBe(5);
    expect(value[F.tx]).toBe(3);
  });

  test("a disk of an unknown utilisation is not busier than an idle one", () => {
    const { value, disk } = figures({
      "disk.util_pct[a]": Number.NaN,
      "disk.util_pct[b]": 0,
      "disk.util_pct[c]": Number.NaN,
    });
    expect(disk).toBe("b");
    expect(value[F.util]).toBe(0);
  });
});
