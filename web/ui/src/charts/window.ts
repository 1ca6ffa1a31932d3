/**
 * Which stretch of time a picture shows, and in what steps the past is asked for.
 *
 * In: the place in the URL, and the newest moment that may be drawn. Out: a range in ms, half-open.
 */
import { type Place, spanMs } from "../url";

export interface TimeWindow {
  fromMs: number;
  toMs: number;
  /** It ends at the present and moves with it. */
  isLive: boolean;
}

// What the hub sends with a subscription, and the page keeps at full resolution.
export const RECENT_MS = 300_000;

export function windowOf(place: Pick<Place, "from" | "to" | "span">, edgeMs: number): TimeWindow {
  if (place.from !== null) {
    const toMs = place.to ?? edgeMs;
    return { fromMs: place.from, toMs: Math.max(toMs, place.from + 1_000), isLive: false };
  }
  return { fromMs: edgeMs - (spanMs(place.span) ?? RECENT_MS), toMs: edgeMs, isLive: true };
}

// History is stepped so that a plot gets about a point a pixel.
const POINTS = 900;
const STEPS_S = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 43_200, 86_400];

/** The step in which the past of a window is asked for. */
export function stepOf(window: Pick<TimeWindow, "fromMs" | "toMs">): number {
  const least = (window.toMs - window.fromMs) / POINTS / 1000;
  return (STEPS_S.find((step) => step >= least) ?? 86_400) * 1000;
}

/** A step as the API writes it. */
export function printStep(stepMs: number): string {
  return `${Math.round(stepMs / 1000)}s`;
}
