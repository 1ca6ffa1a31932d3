/**
 * The ground that a host's strips stand on: the time, holes from top to bottom, stretches that came later from history,
 * and where a lost host fell silent.
 *
 * In: a canvas context in CSS pixels and a `Ground`. Out: ink.
 */
import { clock, dateTime, type Zone } from "../format/age";
import type { Colours } from "../theme/theme.svelte";
import { holes, timeTicks } from "./axis";
import { hatch } from "./hatch";
import type { TimeWindow } from "./window";

export interface Ground {
  window: TimeWindow;
  times: Float64Array;
  holeMs: number;
  /** Stretches whose samples came late. */
  filled: readonly [number, number][];
  /** The moment of the last sample, if the host is gone. */
  lostMs: number | null;
  /** The moment that is pointed at, or none. */
  pointedMs: number | null;
  colours: Colours;
  zone: Zone;
  width: number;
  height: number;
  plotLeft: number;
  plotWidth: number;
}

/** Height of the time above the strips. */
export const AXIS = 26;
const AXIS_Y = 13;

/** Where a moment stands. */
export const xOf = (at: Pick<Ground, "window" | "plotLeft" | "plotWidth">, ms: number): number =>
  at.plotLeft + ((ms - at.window.fromMs) / (at.window.toMs - at.window.fromMs)) * at.plotWidth;

export function paintGround(c: CanvasRenderingContext2D, ground: Ground): void {
  const { window, lostMs, filled, colours, height } = ground;
  c.clearRect(0, 0, ground.width, height);
  c.font = colours.font;
  c.textBaseline = "middle";
  paintTime(c, ground);
  for (const [from, to] of filled) {
    if (to < window.fromMs || from > window.toMs) continue;
    const [left, width] = cut(ground, from, to);
    c.fillStyle = colours.bg2;
    c.globalAlpha = 0.55;
    c.fillRect(left, AXIS, width, height - AXIS);
    c.globalAlpha = 1;
    c.fillStyle = hatch(c, colours.hatch);
    c.fillRect(left, 20, width, 5);
  }
  // Holes are hatched from top to bottom: nothing is known of this time, in any strip.
  c.fillStyle = hatch(c, colours.hatch);
  for (const [from, to] of holes(ground.times, window.fromMs, window.toMs, ground.holeMs)) {
    const [left, width] = cut(ground, from, to);
    if (width >= 1) c.fillRect(left, AXIS, width, height - AXIS);
  }
  if (lostMs !== null && lostMs >= window.fromMs && lostMs <= window.toMs) paintLost(c, ground, lostMs);
}

function cut(ground: Ground, from: number, to: number): [left: number, width: number] {
  const left = Math.max(ground.plotLeft, xOf(ground, from));
  return [left, Math.min(ground.plotLeft + ground.plotWidth, xOf(ground, to)) - left];
}

function paintTime(c: CanvasRenderingContext2D, ground: Ground): void {
  const { window, colours, height, lostMs, plotLeft, plotWidth, pointedMs, zone } = ground;
  const right = plotLeft + plotWidth;
  if (plotLeft > 60) {
    c.fillStyle = colours.t3;
    c.textAlign = "left";
    c.fillText(zone === "UTC" ? "UTC" : "local time", 16, AXIS_Y);
  }
  const endLabel = right - 72;
  const pointed = pointedMs === null ? Number.NEGATIVE_INFINITY : xOf(ground, pointedMs);
  const ticks = timeTicks(window.fromMs, window.toMs, plotWidth);
  c.textAlign = "center";
  for (const time of ticks.times) {
    const at = Math.round(xOf(ground, time));
    c.fillStyle = colours.line;
    c.fillRect(at, AXIS, 1, height - AXIS);
    // Labels make room for the moment pointed at, and for the newest.
    if (at < plotLeft + 18 || at > endLabel || Math.abs(at - pointed) < 64) continue;
    c.fillStyle = colours.t3;
    c.fillText(label(time, ticks.stepMs, zone), at, AXIS_Y);
  }
  c.textAlign = "right";
  c.fillStyle = lostMs !== null ? colours.t3 : window.isLive ? colours.live : colours.t2;
  if (pointed < endLabel) c.fillText(clock(window.toMs, zone), right, AXIS_Y);
}

function label(ms: number, stepMs: number, zone: Zone): string {
  if (stepMs >= 86_400_000) return dateTime(ms, zone).slice(5, 10);
  return stepMs >= 60_000 ? clock(ms, zone).slice(0, 5) : clock(ms, zone);
}

function paintLost(c: CanvasRenderingContext2D, ground: Ground, lostMs: number): void {
  const { colours, height, plotLeft, plotWidth, zone } = ground;
  const at = Math.round(xOf(ground, lostMs));
  c.fillStyle = colours.lost;
  c.fillRect(at, AXIS - 4, 1, height - AXIS + 4);
  c.font = colours.fontBold;
  const text = `last data ${clock(lostMs, zone)}`;
  const wide = c.measureText(text).width + 16;
  const left = at + 12 + wide > plotLeft + plotWidth ? at - 12 - wide : at + 12;
  c.fillStyle = colours.bg0;
  c.fillRect(left, AXIS + 12, wide, 24);
  c.fillStyle = colours.lost;
  c.textAlign = "left";
  c.fillText(text, left + 8, AXIS + 24.5);
}
