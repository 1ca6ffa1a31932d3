/**
 * The recent past of every host as typed rings: for each kept field one column of `COLUMNS` steps a host.
 *
 *     field "busy":   host 0 │ t t t t … │ host 1 │ t t t t … │      one Float32Array, index = slot × COLUMNS + step % COLUMNS
 *
 * A step is a whole multiple of `step_ms` since 1970, so all hosts share one time axis. A step without a sample stays
 * NaN: a hole is a hole. A sample speaks of the time since the one before it (a host at 0.1 Hz fills ten steps), but never of
 * more than its own interval: beyond that, something is missing.
 *
 * In: figures of a host at a time. Out: values by slot, field and step. No clock, no hosts' names: slots are given.
 */
import { F, FIELD_COUNT } from "./fields";

export const COLUMNS = 300;
// Samples of one host may come a little late or early; a second of jitter in a second's interval is not a hole.
const JITTER = 1.6;

/** How values of a field join where several fall into one step. */
const MEAN_FIELDS = new Set([F.user, F.system, F.iowait, F.steal]);

export class Columns {
  readonly step_ms: number;
  #capacity = 0;
  #rings: (Float32Array | null)[] = new Array<Float32Array | null>(FIELD_COUNT).fill(null);
  #counts: Float32Array | null = null;
  /** Step of the newest sample of a slot; -1: none yet. */
  #newest = new Float64Array(0);
  #newestMs = new Float64Array(0);

  constructor(step_ms: number, keep: readonly number[], capacity = 64) {
    this.step_ms = step_ms;
    for (const field of keep) this.#rings[field] = new Float32Array(0);
    // Where steps are longer than samples, parts are averaged, and that needs how many there were.
    if (step_ms > 1_000) this.#counts = new Float32Array(0);
    this.reserve(capacity);
  }

  keeps(field: number): boolean {
    return this.#rings[field] !== null;
  }

  /** Begin to keep a field; its past stays empty until it is written. */
  keep(field: number): void {
    this.#rings[field] ??= new Float32Array(this.#capacity * COLUMNS).fill(Number.NaN);
  }

  /** Make room for slots below `slots`. */
  reserve(slots: number): void {
    if (slots <= this.#capacity) return;
    const capacity = Math.max(64, 2 ** Math.ceil(Math.log2(slots)));
    const grown = (old: Float32Array, fill: number): Float32Array => {
      const ring = new Float32Array(capacity * COLUMNS).fill(fill, old.length);
      ring.set(old);
      return ring;
    };
    this.#rings = this.#rings.map((ring) => ring && grown(ring, Number.NaN));
    this.#counts &&= grown(this.#counts, 0);
    const newest = new Float64Array(capacity).fill(-1, this.#capacity);
    newest.set(this.#newest);
    this.#newest = newest;
    const newestMs = new Float64Array(capacity).fill(Number.NaN, this.#capacity);
    newestMs.set(this.#newestMs);
    this.#newestMs = newestMs;
    this.#capacity = capacity;
  }

  /** Empty a slot for another host. */
  clear(slot: number): void {
    for (const ring of this.#rings) ring?.fill(Number.NaN, slot * COLUMNS, (slot + 1) * COLUMNS);
    this.#counts?.fill(0, slot * COLUMNS, (slot + 1) * COLUMNS);
    this.#newest[slot] = -1;
    this.#newestMs[slot] = Number.NaN;
  }

  stepOf(time_ms: number): number {
    return Math.floor(time_ms / this.step_ms);
  }

  /** The newest step with a sample of this slot; -1: none. */
  newest(slot: number): number {
    return this.#newest[slot] ?? -1;
  }

  /**
   * Keep one sample.
   *
   * `before_ms` is the time of the host's sample before this one, NaN if unknown; for what comes live that is the slot's
   * newest, for history the row above.
   */
  write(slot: number, time_ms: number, interval_ms: number, figures: Float32Array, before_ms?: number): void {
    const step = this.stepOf(time_ms);
    const newest = this.#newest[slot]!;
    if (step <= newest - COLUMNS) return; // older than what is kept
    const before = before_ms ?? this.#newestMs[slot]!;
    // The sample covers what lies between the one before and itself, if it came when it should.
    const covered = time_ms - before;
    let first = step;
    if (covered > 0 && covered <= Math.max(interval_ms, 1_000) * JITTER)
      first = Math.min(step, this.stepOf(before) + 1);
    if (step > newest) {
      const from = newest < 0 ? step : Math.max(newest + 1, step - COLUMNS + 1);
      for (let empty = from; empty < step; empty++) this.#forget(slot, empty);
      if (step !== newest) this.#forget(slot, step);
      this.#newest[slot] = step;
    }
    if (!(time_ms <= this.#newestMs[slot]!)) this.#newestMs[slot] = time_ms;
    for (let covers = Math.max(first, step - COLUMNS + 1); covers <= step; covers++)
      this.#put(slot, covers, figures, covers === step);
  }

  /** Set one field of one step to what history says. */
  set(slot: number, field: number, step: number, value: number): void {
    const newest = this.#newest[slot]!;
    if (step <= newest - COLUMNS) return;
    if (step > newest) {
      const from = newest < 0 ? step : Math.max(newest + 1, step - COLUMNS + 1);
      for (let empty = from; empty <= step; empty++) this.#forget(slot, empty);
      this.#newest[slot] = step;
    }
    const ring = this.#rings[field];
    if (ring) ring[slot * COLUMNS + (step % COLUMNS)] = value;
  }

  /** The value of a field in a step; NaN where nothing is known. */
  value(slot: number, field: number, step: number): number {
    const newest = this.#newest[slot]!;
    if (step > newest || step <= newest - COLUMNS) return Number.NaN;
    const ring = this.#rings[field];
    return ring ? ring[slot * COLUMNS + (step % COLUMNS)]! : Number.NaN;
  }

  /** The bare ring of a field, for those who paint thousands of cells; null if it is not kept. Check `newest` beside it. */
  ring(field: number): Float32Array | null {
    return this.#rings[field] ?? null;
  }

  #forget(slot: number, step: number): void {
    const at = slot * COLUMNS + (step % COLUMNS);
    for (const ring of this.#rings) if (ring) ring[at] = Number.NaN;
    if (this.#counts) this.#counts[at] = 0;
  }

  #put(slot: number, step: number, figures: Float32Array, own: boolean): void {
    const at = slot * COLUMNS + (step % COLUMNS);
    const joins = this.#counts !== null;
    const count = this.#counts?.[at] ?? 0;
    for (let field = 0; field < FIELD_COUNT; field++) {
      const ring = this.#rings[field];
      if (!ring) continue;
      const value = figures[field]!;
      const kept = ring[at]!;
      if (!joins || Number.isNaN(kept)) {
        // A step that has its own sample is not overwritten by what covers it from the next one.
        if (own || Number.isNaN(kept)) ring[at] = value;
      } else if (!own || Number.isNaN(value)) continue;
      else if (MEAN_FIELDS.has(field)) ring[at] = (kept * count + value) / (count + 1);
      else ring[at] = Math.max(kept, value);
    }
    if (this.#counts && own) this.#counts[at] = count + 1;
  }
}
