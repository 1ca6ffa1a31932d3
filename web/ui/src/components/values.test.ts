import { expect, test } from "vitest";
import { asCsv, shownOf } from "./values";

const AT = Date.UTC(2026, 10, 24, 12, 3, 11);

test("rows of time are shown newest first, and what is not known is a dash", () => {
  const table = {
    title: "CPU",
    columns: ["time_ms", "cpu.user_pct"],
    rows: [
      [AT, 12.345678],
      [AT + 1_000, null],
    ],
  };
  const shown = shownOf(table, "UTC");
  expect(shown.heads).toEqual(["time", "cpu.user_pct"]);
  expect(shown.rows.map((row) => row.map(({ text }) => text))).toEqual([
    ["2026-11-24 12:03:12", "—"],
    ["2026-11-24 12:03:11", "12.3457"],
  ]);
  expect(shown.left).toBe("2 rows, newest first, UTC");
  expect(asCsv(table)).toBe(
    "time_ms,cpu.user_pct\r\n2026-11-24T12:03:11.000Z,12.345678\r\n2026-11-24T12:03:12.000Z,\r\n",
  );
});

test("rows of hosts keep their order; a page shows so many, the file has all", () => {
  const columns = ["host", ...Array.from({ length: 300 }, (_, i) => AT - i * 1_000)];
  const rows = Array.from({ length: 1_200 }, (_, i) => [`db-${i}`, ...Array.from({ length: 300 }, () => i)]);
  const table = { title: "CPU", columns, rows, note: "newest at the left" };
  const shown = shownOf(table, "UTC");
  expect(shown.heads.slice(0, 3)).toEqual(["host", "12:03:11", "12:03:10"]);
  expect(shown.rows).toHaveLength(600);
  expect(shown.rows[0]![0]).toEqual({ text: "db-0", isWord: true });
  expect(shown.left).toBe("1,200 rows, the first 600 shown, 40 of 301 columns shown, newest at the left, UTC");
  expect(asCsv(table).split("\r\n")).toHaveLength(1_202);
});

test("a host's name cannot become a formula in a spreadsheet", () => {
  expect(asCsv({ title: "", columns: ["host"], rows: [["=cmd()"]] })).toContain("'=cmd()");
});
