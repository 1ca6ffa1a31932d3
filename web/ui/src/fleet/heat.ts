/**
 * The heatmap's arithmetic: which hosts share a row, how hot a row is in a step, and what all hosts do together.
 *
 * Every row has a level from 0 to 8 a step, or "no data", or "not due yet". Levels are kept in a ring and only the newest
 * steps are looked at again each second: at 10,000 hosts and 300 steps the whole would be three million reads.
 *
 * In: groups of slots in their order, the columns. Out: `levels`, and percentiles a step. No pixels here.
 */
import { COLUMNS, type Columns } from "./columns";

export const LEVELS = 9;
export const NO_DATA = -1;
/** A live host whose sample of that second is still on its way: blank, not a hole. */
export const NOT_DUE = -2;
// Samples of a second arrive within so many steps.
const OPEN_STEPS = 4;
// Bins for percentiles: fine enough for a strip of forty pixels.
const BINS = 200;

export interface HeatSlot {
  slot: number;
  /** Its samples are expected: what is missing in the newest steps is only late. */
  due: boolean;
}

/** Cut hosts into rows of `per`; each row is a list of hosts. */
export function merged<T>(hosts: readonly T[], per: number): T[][] {
  const rows: T[][] = [];
  for (let i = 0; i < hosts.length; i += per) rows.push(hosts.slice(i, i + per));
  return rows;
}

/** Height of a row and hosts a row, for so many hosts in groups and so much room. All in the same pixels. */
export function layout(
  groups: readonly number[],
  room: number,
  gap: number,
  most: number,
): { height: number; per: number } {
  const hosts = groups.reduce((sum, count) => sum + count, 0);
  const space = Math.max(1, room - gap * Math.max(0, groups.length - 1));
  if (hosts <= space) return { height: Math.min(most, space / Math.max(1, hosts)), per: 1 };
  // Each group rounds up to whole rows.
  let per = Math.ceil(hosts / space);
  while (groups.reduce((sum, count) => sum + Math.ceil(count / per), 0) > space && per < hosts) per++;
  const rows = groups.reduce((sum, count) => sum + Math.ceil(count / per), 0);
  return { height: Math.min(most, space / Math.max(1, rows)), per };
}

export class Heat {
  rows: readonly (readonly HeatSlot[])[] = [];
  #levels = new Int8Array(0);
  #p50 = new Float64Array(COLUMNS).fill(Number.NaN);
  #p95 = new Float64Array(COLUMNS).fill(Number.NaN);
  #max = new Float64Array(COLUMNS).fill(Number.NaN);
  readonly #bins = new Uint32Array(BINS + 1);
  #edge = -1;
  #key = "";

  /** `key` changes when rows, metric, scale or the past did: then every step is looked at. */
  update(
    columns: Columns,
    field: number,
    rows: readonly (readonly HeatSlot[])[],
    edge: number,
    top: number,
    mean: boolean,
    key: string,
  ): void {
    const all = key !== this.#key || edge < this.#edge || edge - this.#edge >= COLUMNS;
    this.rows = rows;
    if (this.#levels.length !== rows.length * COLUMNS) this.#levels = new Int8Array(rows.length * COLUMNS);
    const first = all ? edge - COLUMNS + 1 : Math.min(this.#edge + 1, edge - OPEN_STEPS);
    for (let step = Math.max(0, first); step <= edge; step++) this.#column(columns, field, step, edge, top, mean);
    this.#edge = edge;
    this.#key = key;
  }

  /** Level of a row in a step: 0 to 8, `NO_DATA` or `NOT_DUE`. */
  level(row: number, step: number): number {
    return this.#levels[row * COLUMNS + (step % COLUMNS)]!;
  }

  percentiles(step: number): { p50: number; p95: number; max: number } {
    const at = step % COLUMNS;
    return { p50: this.#p50[at]!, p95: this.#p95[at]!, max: this.#max[at]! };
  }

  #column(columns: Columns, field: number, step: number, edge: number, top: number, mean: boolean): void {
    const at = step % COLUMNS;
    const ring = columns.ring(field);
    this.#bins.fill(0);
    let known = 0;
    let max = Number.NaN;
    for (let row = 0; row < this.rows.length; row++) {
      let joined = Number.NaN;
      let count = 0;
      let late = false;
      for (const { slot, due } of this.rows[row]!) {
        const newest = columns.newest(slot);
        const value = ring && step <= newest && step > newest - COLUMNS ? ring[slot * COLUMNS + at]! : Number.NaN;
        if (Number.isNaN(value)) {
          if (due && step > newest && step > edge - OPEN_STEPS + 1) late = true;
          continue;
        }
        count++;
        known++;
        this.#bins[Math.min(BINS, Math.max(0, Math.floor((value / top) * BINS)))]!++;
        if (!(value <= max)) max = value;
        joined = Number.isNaN(joined) ? value : mean ? joined + value : Math.max(joined, value);
      }
      if (mean && count > 0) joined /= count;
      this.#levels[row * COLUMNS + at] =
        count === 0
          ? late
            ? NOT_DUE
            : NO_DATA
          : Math.max(0, Math.min(LEVELS - 1, Math.floor((joined / top) * LEVELS)));
    }
    this.#max[at] = max;
    this.#p50[at] = this.#percentile(0.5, known, top);
    this.#p95[at] = this.#percentile(0.95, known, top);
  }

  #percentile(share: number, known: number, top: number): number {
    if (known === 0) return Number.NaN;
    const wanted = Math.ceil(share * known);
    let seen = 0;
    for (let bin = 0; bin <= BINS; bin++) {
      seen += this.#bins[bin]!;
      if (seen >= wanted) return ((bin + 0.5) / BINS) * top;
    }
    return Number.NaN;
  }
}

/** Mean of a host's steps in view, to stand like beside like; NaN if it has none. */
export function meanOf(columns: Columns, slot: number, field: number, edge: number): number {
  let sum = 0;
  let count = 0;
  for (let step = edge - COLUMNS + 1; step <= edge; step++) {
    const value = columns.value(slot, field, step);
    if (Number.isNaN(value)) continue;
    sum += value;
    count++;
  }
  return count === 0 ? Number.NaN : sum / count;
}
