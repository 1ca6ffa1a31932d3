/** Ticks of a time axis: round seconds, so far apart that their labels do not touch. In: ms. Out: ms. */
const STEPS_S = [5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400];

export function ticks(from_ms: number, to_ms: number, width: number, apart = 110): { at: number[]; seconds: boolean } {
  const most = Math.max(1, Math.floor(width / apart));
  const span_s = (to_ms - from_ms) / 1_000;
  const step_s = STEPS_S.find((step) => span_s / step <= most) ?? 86_400;
  const at: number[] = [];
  for (let t = Math.ceil(from_ms / 1_000 / step_s) * step_s * 1_000; t <= to_ms; t += step_s * 1_000) at.push(t);
  return { at, seconds: step_s < 60 };
}
