import { describe, expect, it } from "vitest";
import { asText, cpuTable, devicesIn, diskTable, twoDecimals } from "./iostat";

// What iostat 12.6 printed for one report, in our units: bytes for kB.
const VALUES: Record<string, number> = {
  "disk.reads_per_s[vda]": 79.47,
  "disk.read_bytes_per_s[vda]": 2168.87 * 1024,
  "disk.read_merges_per_s[vda]": 30.43,
  "disk.read_merge_pct[vda]": 27.69,
  "disk.read_await_ms[vda]": 0.24,
  "disk.read_request_bytes[vda]": 27.29 * 1024,
  "disk.writes_per_s[vda]": 32.53,
  "disk.write_bytes_per_s[vda]": 6314.28 * 1024,
  "disk.write_merges_per_s[vda]": 120.53,
  "disk.write_merge_pct[vda]": 78.75,
  "disk.write_await_ms[vda]": 0.93,
  "disk.write_request_bytes[vda]": 194.12 * 1024,
  "disk.discards_per_s[vda]": 8.4,
  "disk.discard_bytes_per_s[vda]": 129.76 * 1024,
  "disk.discard_merges_per_s[vda]": 0.04,
  "disk.discard_await_ms[vda]": 0.12,
  "disk.queue_depth[vda]": 0.05,
  "disk.util_pct[vda]": 1.25,
};
const get = (name: string) => VALUES[name] ?? Number.NaN;

describe("iostat -x", () => {
  const table = diskTable(["vda"], get, true);
  const shown = Object.fromEntries(
    table.columns.map((column, i) => [column.head, twoDecimals(table.rows[0]!.cells[i]!)]),
  );

  it("shows what was printed, in iostat's units and names", () => {
    expect(shown).toMatchObject({
      "r/s": "79.47",
      "rkB/s": "2168.87",

      "wareq-sz": "194.12",
      "%util": "1.25",
    });
  });

  it("has no column that nobody printed", () => {
    expect(Object.keys(shown)).not.toContain("f/s");
  });
});

describe("iostat -xs", () => {
  it("is made from the long table as iostat itself would", () => {
    const table = diskTable(["vda"], get, false);
    expect(table.columns.map((column) => column.head)).toEqual([
      "tps",
      "kB/s",
      "rqm/s",
      "await",
      "areq-sz",
      "aqu-sz",
      "%util",
    ]);
    expect(table.rows[0]!.cells.map(twoDecimals)).toEqual([
      "120.40",
      "8612.91",
      "151.00",
      "0.42",
      "71.54",
      "0.05",
      "1.25",
    ]);
  });

  it("does not mix the kernel's own sum into what iostat printed", () => {
    const mixed = (name: string) =>
      ({ "disk.transfers_per_s[vda]": 345.31, "disk.await_ms[vda]": 9 })[name] ?? get(name);
    expect(diskTable(["vda"], mixed, false).rows[0]!.cells.slice(0, 4).map(twoDecimals)).toEqual([
      "120.40",
      "8612.91",
      "151.00",
      "0.42",
    ]);
  });

  it("shows the sum where a system prints nothing else", () => {
    const mac = (name: string) =>
      ({ "disk.transfers_per_s[disk0]": 12, "disk.bytes_per_s[disk0]": 2048 })[name] ?? Number.NaN;
    const table = diskTable(["disk0"], mac, false);
    expect(table.columns.map((column) => column.head)).toEqual(["tps", "kB/s"]);
    expect(table.rows[0]!.cells).toEqual([12, 2]);
  });

  it("says 0, not a dash, for a disk that rests", () => {
    const idle = diskTable(["sda"], (name) => (name === "disk.reads_per_s[sda]" ? 0 : Number.NaN), false);
    expect(idle.rows[0]!.cells.map(twoDecimals)).toContain("0.00");
  });
});

it("leaves a disk out that has gone", () => {
  expect(diskTable(["gone"], get, true).rows).toEqual([]);
});

it("finds devices in the order of their announcement, brackets of others ignored", () => {
  expect(
    devicesIn([
      "cpu.user_pct",
      "disk.util_pct[sdb]",
      "disk.await_ms[sda]",
      "disk.await_ms[sdb]",
      "net.rx_bytes_per_s[eth0]",
    ]),
  ).toEqual(["sdb", "sda"]);
});

it("copies as the text that a terminal shows", () => {
  const text = asText(
    cpuTable((name) => (name === "cpu.user_pct" ? 11.28 : 0)),
    diskTable(["vda"], get, false),
  );
  expect(text.split("\n").map((line) => line.trim().split(/\s+/))).toEqual([
    ["avg-cpu:", "%user", "%nice", "%system", "%iowait", "%steal", "%idle"],
    ["11.28", "0.00", "0.00", "0.00", "0.00", "0.00"],
    [""],
    ["Device", "tps", "kB/s", "rqm/s", "await", "areq-sz", "aqu-sz", "%util"],
    ["vda", "120.40", "8612.91", "151.00", "0.42", "71.54", "0.05", "1.25"],
    [""],
  ]);
});
