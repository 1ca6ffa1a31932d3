import { expect, test } from "vitest";
import { Marker } from "../logs/pattern";
import type { GapRow, LineRow } from "../logs/tail";
import { gapShown, type Look, lineShown } from "./lineshown";

const AT = Date.UTC(2026, 10, 24, 12, 3, 11, 313);
const row = (change: Partial<LineRow> = {}): LineRow =>
  ({
    kind: "line",
    id: 7,
    host: 1,
    path: "/var/log/app.log.1",
    timeMs: AT,
    rawMs: AT,
    offset: 42,
    text: "cannot reach db",
    level: "error",
    word: "ERROR",
    partial: false,
    folded: null,
    ...change,
  }) as LineRow;
const look = (change: Partial<Look> = {}): Look => ({
  nameOf: () => "db-1",
  marker: new Marker(""),
  zone: "UTC",
  showHost: true,
  showFile: true,
  shortFile: false,
  compact: false,
  columns: 0,
  secondMs: null,
  current: null,
  dim: undefined,
  canAsk: true,
  canFill: true,
  ...change,
});

test("a line carries where it stands, and looks as it is pointed at", () => {
  const shown = lineShown(row(), false, look({ secondMs: AT - 313, current: row() }));
  expect([shown.time, shown.host, shown.file, shown.level]).toEqual(["12:03:11.313", "db-1", "app.log.1", "ERROR"]);
  expect(shown.data).toMatchObject({ host: "db-1", offset: "42", level: "error" });
  expect(shown.className).toBe("ll error sec cur");
});

test("in little room time has no milliseconds and files have no ending", () => {
  const shown = lineShown(row(), false, look({ compact: true, shortFile: true }));
  expect([shown.time, shown.file]).toEqual(["12:03:11", "app"]);
});

test("a folded trace says how much is folded and what went wrong", () => {
  const folded = [row({ text: '  File "a.py", line 1' }), row({ text: "KeyError: 'id'" })];
  const trace = row({ text: "Traceback (most recent call last):", folded });
  const shown = lineShown(trace, false, look());
  expect(shown.fold).toBe("▸ 2 lines");
  expect(shown.pieces.map((piece) => piece.text).join("")).toContain("KeyError: 'id'");
  expect(
    lineShown(trace, true, look())
      .pieces.map((piece) => piece.text)
      .join(""),
  ).not.toContain("KeyError");
});

test("a gap offers its action only where something can come of it", () => {
  const gap = {
    kind: "gap",
    id: 1,
    host: 1,
    path: "/var/log/app.log",
    stream: 1,
    fromMs: AT,
    toMs: AT + 1_000,
    why: "slow-reader",
    lines: 1_240,
    bytes: null,
  };
  const shown = gapShown(gap as unknown as GapRow, look());
  expect(shown.pieces[0]!.text).toContain("1,240 lines");
  expect(shown.action).not.toBe("");
  expect(gapShown(gap as unknown as GapRow, look({ canFill: false })).action).toBe("");
});
