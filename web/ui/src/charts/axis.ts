/**
 * Where axes have their marks: whole times, and tops of scales that a person would choose.
 */

const STEPS_S = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800,
];

export interface TimeTicks {
  stepMs: number;
  times: number[];
}

/** Whole times between two moments, so that labels of `labelPx` have room. */
export function timeTicks(fromMs: number, toMs: number, widthPx: number, labelPx = 76): TimeTicks {
  const span = toMs - fromMs;
  if (!(span > 0) || !(widthPx > 0)) return { stepMs: 1000, times: [] };
  const least = (span * labelPx) / widthPx;
  const stepMs = (STEPS_S.find((step) => step * 1000 >= least) ?? 604_800) * 1000;
  const times: number[] = [];
  for (let t = Math.ceil(fromMs / stepMs) * stepMs; t <= toMs; t += stepMs) times.push(t);
  return { stepMs, times };
}

/** The top of a scale: the next of 1, 2, 4, 5, 10 ... times a power of ten, at least `least`. */
export function niceTop(value: number, least = 1): number {
  const need = Math.max(Number.isFinite(value) ? value : 0, least);
  const power = 10 ** Math.floor(Math.log10(need));
  for (const factor of [1, 2, 4, 5, 10]) if (factor * power >= need * (1 - 1e-9)) return factor * power;
  return 10 * power;
}

/**
 * A top that follows the data without nervousness: it rises at once, and falls only when less than a third is used.
 */
export function steadyTop(before: number, value: number, least = 1): number {
  const wanted = niceTop(value, least);
  if (wanted > before || !(before > 0)) return wanted;
  return Math.max(value, least) < before / 3 ? wanted : before;
}

/** Stretches without data: from one row to the next where they are further apart than `holeMs`. Half-open, ms. */
export function holes(times: Float64Array, fromMs: number, toMs: number, holeMs: number): [number, number][] {
  const found: [number, number][] = [];
  let last = fromMs;
  let started = false;
  for (let i = firstAtOrAfter(times, fromMs); i < times.length && times[i]! <= toMs; i++) {
    const t = times[i]!;
    const before = !started && i > 0 ? times[i - 1]! : last;
    if (t - before > holeMs) found.push([Math.max(before, fromMs), t]);
    last = t;
    started = true;
  }
  if (!started) return [[fromMs, toMs]];
  if (toMs - last > holeMs) found.push([last, toMs]);
  return found;
}

export function firstAtOrAfter(times: Float64Array, ms: number): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle]! < ms) low = middle + 1;
    else high = middle;
  }
  return low;
}
