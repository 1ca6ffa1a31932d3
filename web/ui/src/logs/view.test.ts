import { expect, it } from "vitest";
import { Tail } from "./tail";
import { PaneView } from "./view";

function tail(...texts: string[]): Tail {
  const made = new Tail();
  texts.forEach((text, i) => {
    made.add({ host: 1, stream: 1, path: "/a", timeMs: i * 5_000, lines: [[i * 100, new TextEncoder().encode(text)]] });
  });
  return made;
}

const none = { hidden: new Set<never>(), open: new Set<number>(), wrapColumns: 0 };

it("gives every line one row, hidden levels none", () => {
  const view = new PaneView();
  const rows = tail("ERROR a", "INFO b", "ERROR c").rows;
  view.build(rows, { ...none, hidden: new Set(["info"]) });
  expect([...view.rowOf.subarray(0, view.length)]).toEqual([0, 2]);
  expect(view.hiddenLines).toBe(1);
});

it("opens JSON below its line", () => {
  const view = new PaneView();
  const rows = tail('{"a":1,"b":"x"}', "next").rows;
  view.build(rows, { ...none, open: new Set([rows[0]!.id]) });
  expect(view.length).toBe(4);
  expect(view.detail(2, 0)).toEqual({ kind: "field", field: { key: "b", value: '"x"', kind: "string" } });
  expect(view.indexOf(rows[1]!)).toBe(3);
});

it("wraps by characters, with a bound", () => {
  const view = new PaneView();
  view.build(tail("x".repeat(25), "y".repeat(100_000)).rows, { ...none, wrapColumns: 10 });
  expect(view.length).toBe(3 + 41);
  expect(view.detail(2, 10)).toEqual({ kind: "wrapped", from: 20 });
});

it("finds the first row of a second", () => {
  const view = new PaneView();
  view.build(tail("a", "b", "c").rows, none);
  expect([view.indexAt(0), view.indexAt(4_000), view.indexAt(99_000)]).toEqual([0, 1, 3]);
});

it("finds where a row stands from its end, and says when it is gone", () => {
  const view = new PaneView();
  const rows = tail("a", "x".repeat(25), "b").rows;
  view.build(rows, { ...none, wrapColumns: 10 });
  expect(view.lastIndexOf(rows[1]!)).toBe(3);
  view.build(rows.slice(1), none);
  expect(view.lastIndexOf(rows[2]!)).toBe(1);
  expect(view.lastIndexOf(rows[0]!)).toBe(-1);
});
