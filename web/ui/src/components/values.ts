/**
 * A table of a picture's values: its shape, what of it is shown, and how it is taken along.
 *
 * In: columns and rows. A column named by a number is a moment, in ms; the column `time_ms` holds moments. Out: cells as
 * people read them, and CSV with moments in ISO 8601, UTC. What is shown is cut to what a page can hold; what is taken
 * along is whole.
 */
import { clock, dateTime, type Zone } from "../format/age";
import { MISSING } from "../format/units";
import { csv } from "./csv";

export type Cell = string | number | null;

export interface Values {
  title: string;
  columns: (string | number)[];
  rows: Cell[][];
  /** A word about the order. */
  note?: string;
}

const ROWS_MAX = 600;
const COLUMNS_MAX = 40;

export interface Shown {
  heads: string[];
  /** Text of each cell, and whether it is a word and not a figure. */
  rows: { text: string; isWord: boolean }[][];
  /** Says what is left out, if anything is. */
  left: string;
}

export function shownOf({ columns, rows, note }: Values, zone: Zone): Shown {
  const isTimed = columns[0] === "time_ms";
  const cut = isTimed ? rows.slice(-ROWS_MAX).toReversed() : rows.slice(0, ROWS_MAX);
  const heads = columns.slice(0, COLUMNS_MAX);
  const left = [
    `${rows.length.toLocaleString("en-US")} ${rows.length === 1 ? "row" : "rows"}`,
    rows.length > ROWS_MAX ? `${isTimed ? "the newest" : "the first"} ${ROWS_MAX} shown` : "",
    columns.length > COLUMNS_MAX ? `${COLUMNS_MAX} of ${columns.length} columns shown` : "",
    isTimed ? "newest first" : (note ?? ""),
    zone === "UTC" ? "UTC" : "local time",
  ];
  return {
    heads: heads.map((head) => (typeof head === "number" ? clock(head, zone) : head === "time_ms" ? "time" : head)),
    rows: cut.map((row) =>
      heads.map((head, i) => ({ text: cell(head, row[i] ?? null, zone), isWord: typeof row[i] === "string" })),
    ),
    left: left.filter(Boolean).join(", "),
  };
}

function cell(head: string | number, value: Cell, zone: Zone): string {
  if (value === null) return MISSING;
  if (typeof value === "string") return value;
  return head === "time_ms" ? dateTime(value, zone) : String(Number(value.toPrecision(6)));
}

/** All of it, with moments that any program reads. */
export function asCsv({ columns, rows }: Values): string {
  const iso = (ms: number): string => new Date(ms).toISOString();
  return csv([
    columns.map((head) => (typeof head === "number" ? iso(head) : head)),
    ...rows.map((row) =>
      row.map((value, i) => (columns[i] === "time_ms" && typeof value === "number" ? iso(value) : value)),
    ),
  ]);
}
