/**
 * One figure of many hosts over the same steps: what lines, band and ranking are made from.
 *
 * In: a matrix, one row a host, one column a step, NaN where nothing is known. Out: percentiles a column, statistics a
 * row, an order. Columns that are over do not change: their percentiles are kept, so that a second costs one column.
 */

export class Matrix {
  readonly values: Float32Array;

  constructor(
    readonly rows: number,
    readonly columns: number,
    /** The first column's step: its time in whole steps since 1970. */
    readonly firstStep: number,
    readonly stepMs: number,
  ) {
    this.values = new Float32Array(rows * columns).fill(Number.NaN);
  }

  at(row: number, column: number): number {
    return this.values[row * this.columns + column]!;
  }

  row(row: number): Float32Array {
    return this.values.subarray(row * this.columns, (row + 1) * this.columns);
  }

  /** The middle of each column's step does not matter here: a point stands at its end, as a sample does. */
  times(): Float64Array {
    return Float64Array.from({ length: this.columns }, (_, i) => (this.firstStep + i) * this.stepMs);
  }
}

export interface Band {
  p10: Float32Array;
  p50: Float32Array;
  p90: Float32Array;
}

/** Percentiles of each column, remembered by step. */
export class Bands {
  #known = new Map<number, readonly [number, number, number]>();
  #key = "";

  /** `key` names the hosts and the metric: another key, other percentiles. `fresh`: so many newest columns may have changed. */
  of(matrix: Matrix, key: string, fresh: number): Band {
    if (key !== this.#key) {
      this.#known.clear();
      this.#key = key;
    }
    const band = {
      p10: new Float32Array(matrix.columns),
      p50: new Float32Array(matrix.columns),
      p90: new Float32Array(matrix.columns),
    };
    const scratch = new Float32Array(matrix.rows);
    for (let column = 0; column < matrix.columns; column++) {
      const step = matrix.firstStep + column;
      let found = column < matrix.columns - fresh ? this.#known.get(step) : undefined;
      if (!found) {
        found = percentiles(matrix, column, scratch);
        this.#known.set(step, found);
      }
      [band.p10[column], band.p50[column], band.p90[column]] = found;
    }
    for (const step of this.#known.keys()) {
      if (step >= matrix.firstStep) break;
      this.#known.delete(step);
    }
    return band;
  }
}

function percentiles(matrix: Matrix, column: number, scratch: Float32Array): readonly [number, number, number] {
  let count = 0;
  for (let row = 0; row < matrix.rows; row++) {
    const value = matrix.at(row, column);
    if (!Number.isNaN(value)) scratch[count++] = value;
  }
  if (count === 0) return [Number.NaN, Number.NaN, Number.NaN];
  const sorted = scratch.subarray(0, count).sort();
  // The nearest rank: a percentile is a value that some host has.
  const rank = (p: number) => sorted[Math.min(count - 1, Math.max(0, Math.ceil(p * count) - 1))]!;
  return [rank(0.1), rank(0.5), rank(0.9)];
}

export interface Stats {
  now: number;
  avg: number;
  max: number;
}

export const RANKED_BY = ["max", "avg", "now"] as const;
export type RankedBy = (typeof RANKED_BY)[number];

/** How a host did over all columns; `now` is its newest value, at most `recent` columns old. */
export function statsOf(matrix: Matrix, recent: number): Stats[] {
  const all: Stats[] = [];
  for (let row = 0; row < matrix.rows; row++) {
    const values = matrix.row(row);
    let sum = 0;
    let count = 0;
    let max = Number.NaN;
    let now = Number.NaN;
    for (let i = 0; i < values.length; i++) {
      const value = values[i]!;
      if (Number.isNaN(value)) continue;
      sum += value;
      count++;
      if (!(value <= max)) max = value;
      if (i >= values.length - recent) now = value;
    }
    all.push({ now, avg: count === 0 ? Number.NaN : sum / count, max });
  }
  return all;
}

/** Rows, the largest first; who has no value stands last; equals by name, so that they do not dance. */
export function ranked(stats: readonly Stats[], by: RankedBy, names: readonly string[]): number[] {
  const order = stats.map((_, i) => i);
  const value = (i: number) => {
    const found = stats[i]![by];
    return Number.isNaN(found) ? Number.NEGATIVE_INFINITY : found;
  };
  return order.sort((a, b) => value(b) - value(a) || (names[a]! < names[b]! ? -1 : names[a]! > names[b]! ? 1 : 0));
}

/** How many hosts are above a threshold, by column. */
export function above(matrix: Matrix, threshold: number): Uint32Array {
  const counts = new Uint32Array(matrix.columns);
  for (let row = 0; row < matrix.rows; row++)
    for (let column = 0; column < matrix.columns; column++) if (matrix.at(row, column) > threshold) counts[column]!++;
  return counts;
}

/** How many hosts stand in each cell of columns by `bins` levels of 0 to `top`, from the top down. */
export function density(matrix: Matrix, bins: number, top: number): Uint32Array {
  const counts = new Uint32Array(matrix.columns * bins);
  for (let row = 0; row < matrix.rows; row++) {
    for (let column = 0; column < matrix.columns; column++) {
      const value = matrix.at(row, column);
      if (Number.isNaN(value)) continue;
      const bin = Math.min(bins - 1, Math.max(0, Math.floor((1 - value / top) * bins)));
      counts[bin * matrix.columns + column]!++;
    }
  }
  return counts;
}

/** Labels at their heights, moved apart: at least `gap` between two, none below `bottom`. Answers in the order given. */
export function spread(heights: readonly number[], gap: number, bottom: number): number[] {
  const order = heights.map((_, i) => i).sort((a, b) => heights[b]! - heights[a]!);
  const placed = [...heights];
  let limit = bottom;
  for (const i of order) {
    placed[i] = Math.min(heights[i]!, limit);
    limit = placed[i]! - gap;
  }
  return placed;
}

/** Colours for the first hosts of a ranking: who stays among them keeps its colour, whatever its rank. */
export class Palette {
  #given = new Map<string, number>();

  assign(ids: readonly string[]): Map<string, number> {
    const next = new Map<string, number>();
    const free = new Set(ids.map((_, i) => i));
    for (const id of ids) {
      const kept = this.#given.get(id);
      if (kept !== undefined && free.delete(kept)) next.set(id, kept);
    }
    for (const id of ids) {
      if (next.has(id)) continue;
      const [colour] = free;
      if (colour === undefined) break;
      free.delete(colour);
      next.set(id, colour);
    }
    this.#given = next;
    return next;
  }
}
