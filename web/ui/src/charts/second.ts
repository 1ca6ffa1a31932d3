/**
 * One second of a host in figures: which row stands for it, what iostat printed then, and the file systems.
 *
 * In: a timeline and a moment (none: the newest). Out: the row to read and what kind of row it is. A host watched at
 * 10 Hz has rows between iostat's reports that carry the kernel's own counters; the table shows the report's row.
 */
import { type Column, cpuTable, devicesIn, diskTable, type Table } from "./iostat";
import type { Timeline } from "./timeline";

export interface Second {
  row: number;
  timeMs: number;
  /** `iostat`: printed by iostat; `kernel`: the kernel's counters, because no iostat runs there. */
  source: "iostat" | "kernel";
}

// A report speaks for the second in which it came; one that is older than this is another second's.
const WITHIN_MS = 2_500;

export function secondAt(timeline: Timeline, atMs: number | null): Second | null {
  const last = atMs === null ? timeline.length - 1 : timeline.rowNear(atMs, WITHIN_MS);
  if (last < 0) return null;
  const ages = timeline.column("iostat.age_ms");
  if (ages) {
    for (let row = last; row >= 0 && timeline.times[last]! - timeline.times[row]! <= WITHIN_MS; row--) {
      if (ages[row] === 0) return { row, timeMs: timeline.times[row]!, source: "iostat" };
    }
  }
  return { row: last, timeMs: timeline.times[last]!, source: "kernel" };
}

export interface SecondTables {
  cpu: { head: string; value: number }[];
  short: Table;
  long: Table;
}

export function tablesOf(timeline: Timeline, row: number): SecondTables {
  const get = (name: string) => timeline.value(name, row);
  const devices = devicesIn(timeline.names());
  return { cpu: cpuTable(get), short: diskTable(devices, get, false), long: diskTable(devices, get, true) };
}

/** Rows in the order of a column's figures, the largest first, or of the device's name. */
export function sorted(table: Table, by: string): Table {
  const at = table.columns.findIndex((column: Column) => column.head === by);
  if (at < 0) return table;
  const order = (value: number) => (Number.isNaN(value) ? Number.NEGATIVE_INFINITY : value);
  return { ...table, rows: [...table.rows].sort((a, b) => order(b.cells[at]!) - order(a.cells[at]!)) };
}

export interface Filesystem {
  mount: string;
  usedBytes: number;
  usedPct: number;
  /** At the rate of what is kept, full in so many ms; NaN where it does not grow. */
  fullInMs: number;
}

// File systems are looked at less often than each second: the newest known value of this long counts.
const FRESH_MS = 60_000;
// A rate needs some time to mean anything.
const LEAST_SPAN_MS = 240_000;

export function filesystemsOf(timeline: Timeline, row: number): Filesystem[] {
  const found: Filesystem[] = [];
  for (const name of timeline.names()) {
    const mount = /^filesystem\.used_pct\[(.+)\]$/.exec(name)?.[1];
    if (mount === undefined) continue;
    const of = (field: string) => `filesystem.${field}[${mount}]`;
    const usedPct = known(timeline, of("used_pct"), row);
    if (Number.isNaN(usedPct)) continue;
    found.push({
      mount,
      usedBytes: known(timeline, of("used_bytes"), row),
      usedPct,
      fullInMs: fullIn(timeline, of("used_bytes"), of("total_bytes"), row),
    });
  }
  return found.sort((a, b) => b.usedPct - a.usedPct);
}

function known(timeline: Timeline, name: string, row: number): number {
  for (let i = row; i >= 0 && timeline.times[row]! - timeline.times[i]! <= FRESH_MS; i--) {
    const value = timeline.value(name, i);
    if (!Number.isNaN(value)) return value;
  }
  return Number.NaN;
}

function fullIn(timeline: Timeline, used: string, total: string, row: number): number {
  const now = known(timeline, used, row);
  const size = known(timeline, total, row);
  let first = 0;
  while (first < row && Number.isNaN(timeline.value(used, first))) first++;
  const span = timeline.times[row]! - timeline.times[first]!;
  const grown = now - timeline.value(used, first);
  if (!(span >= LEAST_SPAN_MS) || !(grown > 0) || Number.isNaN(size)) return Number.NaN;
  return ((size - now) / grown) * span;
}
