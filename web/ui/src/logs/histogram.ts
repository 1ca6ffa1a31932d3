/**
 * How many lines came in each moment, by level.
 *
 * In: lines with a time and a level, or exact counts of a second. Out: bins over any range. Counts are kept a second
 * each for the newest hour; what lies before `knownFromMs` has not been counted, and is drawn as missing, not as zero.
 */
import { LEVELS, type Level } from "./levels";

const SECONDS = 3_600;
const WIDTH = LEVELS.length;
const INDEX = new Map(LEVELS.map((level, i) => [level, i]));

export interface Bins {
  fromMs: number;
  stepMs: number;
  count: number;
  /** counts[bin * LEVELS.length + level] */
  counts: Float64Array;
  /** 1 where the bin has been counted. */
  known: Uint8Array;
}

export class Histogram {
  knownFromMs = Number.POSITIVE_INFINITY;
  version = 0;
  #counts = new Float64Array(SECONDS * WIDTH);
  /** The second that a slot holds. */
  #second = new Float64Array(SECONDS).fill(-1);
  /** Seconds whose counts came exact from the hub: lines do not count there again. */
  #exact = new Uint8Array(SECONDS);

  add(timeMs: number, level: Level, lines = 1): void {
    const slot = this.#slot(Math.floor(timeMs / 1000));
    if (slot < 0 || this.#exact[slot]) return;
    this.#counts[slot * WIDTH + INDEX.get(level)!]! += lines;
    this.version++;
  }

  /** The hub's own counts of one second, where the page saw only a sample of its lines. */
  setExact(timeMs: number, counts: Partial<Record<string, number>>): void {
    const slot = this.#slot(Math.floor(timeMs / 1000));
    if (slot < 0) return;
    this.#exact[slot] = 1;
    for (const [level, i] of INDEX) this.#counts[slot * WIDTH + i] = counts[level] ?? 0;
    this.version++;
  }

  clear(): void {
    this.#second.fill(-1);
    this.knownFromMs = Number.POSITIVE_INFINITY;
    this.version++;
  }

  /** Counts between two moments in `count` bins of whole steps. */
  bins(fromMs: number, toMs: number, wanted: number): Bins {
    const stepMs = niceStep((toMs - fromMs) / wanted);
    const start = Math.floor(fromMs / stepMs) * stepMs;
    const count = Math.max(1, Math.ceil((toMs - start) / stepMs));
    const counts = new Float64Array(count * WIDTH);
    const known = new Uint8Array(count);
    for (let bin = 0; bin < count; bin++) {
      const first = Math.floor((start + bin * stepMs) / 1000);
      const last = Math.ceil((start + (bin + 1) * stepMs) / 1000);
      known[bin] = first * 1000 + 999 >= this.knownFromMs ? 1 : 0;
      for (let second = first; second < last; second++) {
        const slot = second % SECONDS;
        if (slot < 0 || this.#second[slot] !== second) continue;
        known[bin] = 1;
        for (let i = 0; i < WIDTH; i++) counts[bin * WIDTH + i]! += this.#counts[slot * WIDTH + i]!;
      }
    }
    return { fromMs: start, stepMs, count, counts, known };
  }

  /** Lines by level between two moments. */
  totals(fromMs: number, toMs: number): Record<Level, number> {
    const sums = Object.fromEntries(LEVELS.map((level) => [level, 0])) as Record<Level, number>;
    const first = Math.max(Math.floor(fromMs / 1000), Math.floor(toMs / 1000) - SECONDS + 1);
    for (let second = first; second <= Math.floor(toMs / 1000); second++) {
      const slot = second % SECONDS;
      if (slot < 0 || this.#second[slot] !== second) continue;
      for (const [level, i] of INDEX) sums[level] += this.#counts[slot * WIDTH + i]!;
    }
    return sums;
  }

  #slot(second: number): number {
    if (!(second >= 0)) return -1;
    const slot = second % SECONDS;
    if (this.#second[slot] === second) return slot;
    // A slot of an older second is taken over; a line of an hour ago does not take a newer one's.
    if (this.#second[slot]! > second) return -1;
    this.#second[slot] = second;
    this.#exact[slot] = 0;
    this.#counts.fill(0, slot * WIDTH, (slot + 1) * WIDTH);
    return slot;
  }
}

const STEPS_MS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 43200, 86400].map(
  (s) => s * 1000,
);

/** The smallest whole step that is at least this long. */
export function niceStep(ms: number): number {
  return STEPS_MS.find((step) => step >= ms) ?? Math.ceil(ms / 86_400_000) * 86_400_000;
}
