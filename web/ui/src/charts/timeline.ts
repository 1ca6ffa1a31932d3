/**
 * The samples of one host over time, as columns.
 *
 * In: rows against announced schemas, in any order (live, history, backfill). Out: one time column and one column a
 * series, all equally long, oldest first, each time once; NaN where a row does not know. A new disk is a new column
 * that is NaN before. The oldest rows go when `capacity` is reached.
 */

// 10 Hz for five minutes and half as much again; or an hour at 1 Hz.
const CAPACITY = 4_800;

export class Timeline {
  /** Counts every change. */
  version = 0;
  length = 0;
  #times: Float64Array;
  #columns = new Map<string, Float32Array>();
  #schemas = new Map<number, readonly string[]>();
  /** Columns of a schema in the order of its values: looked up once a schema, not once a row. */
  #order = new Map<number, Float32Array[]>();

  constructor(readonly capacity = CAPACITY) {
    this.#times = new Float64Array(capacity);
  }

  setSchema(schema: number, series: readonly string[]): void {
    this.#schemas.set(schema, series);
    this.#order.set(
      schema,
      series.map((name) => this.#column(name)),
    );
  }

  /** Take in one row of values against a schema; unknown schemas are left out. */
  add(schema: number, timeMs: number, values: ArrayLike<number>, start = 0): void {
    const columns = this.#order.get(schema);
    if (!columns || !Number.isFinite(timeMs)) return;
    const row = this.#place(timeMs);
    if (row < 0) return;
    for (let i = 0; i < columns.length; i++) columns[i]![row] = values[start + i] ?? Number.NaN;
    this.version++;
  }

  /** Take in one series at its own times, as the history answers. Times rise. */
  addSeries(name: string, timesMs: ArrayLike<number>, values: ArrayLike<number>): void {
    const column = this.#column(name);
    for (let i = 0; i < timesMs.length; i++) {
      const row = this.#place(timesMs[i]!);
      if (row >= 0) column[row] = values[i] ?? Number.NaN;
    }
    this.version++;
  }

  /** All times, ms; a view that is valid until the next change. */
  get times(): Float64Array {
    return this.#times.subarray(0, this.length);
  }

  /** The values of a series; undefined where no row ever had it. */
  column(name: string): Float32Array | undefined {
    return this.#columns.get(name)?.subarray(0, this.length);
  }

  names(): string[] {
    return [...this.#columns.keys()];
  }

  value(name: string, row: number): number {
    return row < 0 || row >= this.length ? Number.NaN : (this.#columns.get(name)?.[row] ?? Number.NaN);
  }

  get newestMs(): number {
    return this.length === 0 ? Number.NaN : this.#times[this.length - 1]!;
  }

  /** The last row at or before a moment; -1 if there is none. */
  rowAt(timeMs: number): number {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#times[middle]! <= timeMs) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** The row that stands nearest to a moment, at most `withinMs` away; -1 if there is none. */
  rowNear(timeMs: number, withinMs: number): number {
    const before = this.rowAt(timeMs);
    let best = -1;
    let distance = withinMs;
    for (const row of [before, before + 1]) {
      if (row < 0 || row >= this.length) continue;
      const away = Math.abs(this.#times[row]! - timeMs);
      if (away <= distance) {
        best = row;
        distance = away;
      }
    }
    return best;
  }

  clear(): void {
    this.length = 0;
    this.#columns.clear();
    for (const [schema, series] of this.#schemas) this.setSchema(schema, series);
    this.version++;
  }

  #column(name: string): Float32Array {
    let column = this.#columns.get(name);
    if (!column) {
      column = new Float32Array(this.capacity).fill(Number.NaN);
      this.#columns.set(name, column);
    }
    return column;
  }

  /** The row of a time, made if it is new; -1 for one older than all, when there is no room. */
  #place(timeMs: number): number {
    if (this.length === 0 || timeMs > this.#times[this.length - 1]!) {
      if (this.length === this.capacity) this.#shift();
      this.#times[this.length] = timeMs;
      for (const column of this.#columns.values()) column[this.length] = Number.NaN;
      return this.length++;
    }
    const before = this.rowAt(timeMs);
    if (before >= 0 && this.#times[before] === timeMs) return before;
    if (this.length === this.capacity) {
      if (before < 0) return -1;
      this.#shift();
      return this.#place(timeMs);
    }
    const row = before + 1;
    this.#times.copyWithin(row + 1, row, this.length);
    this.#times[row] = timeMs;
    for (const column of this.#columns.values()) {
      column.copyWithin(row + 1, row, this.length);
      column[row] = Number.NaN;
    }
    this.length++;
    return row;
  }

  /** Give the oldest eighth up: moving once in a while is cheaper than a ring that every reader must know about. */
  #shift(): void {
    const gone = Math.max(1, this.capacity >> 3);
    this.#times.copyWithin(0, gone, this.length);
    for (const column of this.#columns.values()) column.copyWithin(0, gone, this.length);
    this.length -= gone;
  }
}
