/**
 * What is written around a heatmap's cells: names and values of rows or groups, the time, and above it what all hosts
 * do together on the same steps.
 *
 * In: a canvas context in CSS pixels and a `Scene`. Out: ink. Which host stands where is `heatplan`'s.
 */
import { MISSING } from "../format/units";
import type { Colours } from "../theme/theme.svelte";
import { ticks } from "./axis";
import { type Plan, topOf } from "./heatplan";

/** Of one row or group: what stands right of it. */
export interface Figure {
  text: string;
  colour: string;
}

export interface Scene<T> {
  plan: Plan<T>;
  colours: Colours;
  left: number;
  plotWidth: number;
  width: number;
  columns: number;
  /** The first step in sight, and the length of one. */
  from: number;
  step_ms: number;
  isLive: boolean;
  /** Top of the scale. */
  top: number;
  clock: (ms: number) => string;
  percentiles: (step: number) => { p50: number; p95: number; max: number };
  /** A value without its unit. */
  short: (value: number) => string;
  name: (host: T) => Figure;
  figure: (host: T) => Figure;
  average: (hosts: readonly T[]) => number;
  groupTitle: (value: string) => string;
  hostCount: (hosts: number) => string;
}

// Below this a name does not fit beside its row.
export const NAMED_FROM = 11;
const AXIS_Y = 62;
const STRIP = { top: 8, height: 40 };
// A title, and a second line below it.
const TITLE_PX = 12;
const TWO_LINES_PX = 28;

export function paintWords<T>(context: CanvasRenderingContext2D, scene: Scene<T>): void {
  paintAll(context, scene);
  paintTime(context, scene);
  context.font = scene.colours.font;
  if (scene.plan.rowHeight >= NAMED_FROM) paintRows(context, scene);
  else paintGroups(context, scene);
}

function paintTime<T>(context: CanvasRenderingContext2D, scene: Scene<T>): void {
  const { colours, columns, from, left, plan, plotWidth, step_ms } = scene;
  const end = left + plotWidth;
  context.font = colours.font;
  context.textBaseline = "middle";
  context.fillStyle = colours.t3;
  context.textAlign = "center";
  const axis = ticks(from * step_ms, (from + columns) * step_ms, plotWidth);
  for (const at of axis.at) {
    const x = left + ((at / step_ms - from) / columns) * plotWidth;
    if (x > left + 24 && x < end - 86) {
      const text = scene.clock(at);
      context.fillText(axis.seconds ? text : text.slice(0, 5), x, AXIS_Y);
    }
  }
  context.textAlign = "right";
  context.fillStyle = scene.isLive ? colours.live : colours.t2;
  context.fillText(scene.clock((from + columns - 1) * step_ms), end - 4, AXIS_Y);
  context.fillRect(Math.round(end) + 1, STRIP.top, 1, Math.max(1, plan.bottom - STRIP.top));
}

function paintRows<T>(context: CanvasRenderingContext2D, scene: Scene<T>): void {
  const { plan, left, width } = scene;
  for (const group of plan.groups) {
    group.rows.forEach(([host], i) => {
      if (!host) return;
      const middle = topOf(plan, group.first + i, group) + plan.rowHeight / 2;
      const name = scene.name(host);
      context.textAlign = "left";
      context.fillStyle = name.colour;
      context.fillText(shortened(context, name.text, left - 8), 0, middle);
      const figure = scene.figure(host);
      context.textAlign = "right";
      context.fillStyle = figure.colour;
      context.fillText(figure.text, width, middle);
    });
  }
}

function paintGroups<T>(context: CanvasRenderingContext2D, scene: Scene<T>): void {
  const { colours, plan, left, width } = scene;
  context.textBaseline = "top";
  for (const group of plan.groups) {
    const tall = group.rows.length * plan.rowHeight;
    if (tall < TITLE_PX) continue;
    context.textAlign = "left";
    context.font = colours.fontBold;
    context.fillStyle = colours.t1;
    context.fillText(shortened(context, scene.groupTitle(group.value), left - 8), 0, group.top + 1);
    context.font = colours.font;
    context.textAlign = "right";
    context.fillStyle = colours.t2;
    context.fillText(scene.short(scene.average(group.hosts)), width, group.top + 2);
    if (tall < TWO_LINES_PX) continue;
    context.fillStyle = colours.t3;
    context.fillText("avg", width, group.top + 16);
    context.textAlign = "left";
    context.fillText(shortened(context, scene.hostCount(group.hosts.length), left - 8), 0, group.top + 16);
  }
  context.textBaseline = "middle";
}

/** p50, p95 and the largest of all hosts, on the same seconds. */
function paintAll<T>(context: CanvasRenderingContext2D, scene: Scene<T>): void {
  const { colours, columns, from, left, plotWidth, top, width } = scene;
  const y = (value: number): number => STRIP.top + (1 - Math.min(1, value / top)) * STRIP.height;
  const x = (column: number): number => left + (column / columns) * plotWidth;
  context.fillStyle = colours.line;
  for (const value of [0, top]) context.fillRect(left, Math.round(y(value)), plotWidth, 1);
  const trace = (which: "p50" | "p95" | "max"): { x: number; y: number }[][] => {
    const runs: { x: number; y: number }[][] = [];
    let run: { x: number; y: number }[] = [];
    for (let column = 0; column < columns; column++) {
      const value = scene.percentiles(from + column)[which];
      if (Number.isNaN(value)) {
        if (run.length > 0) runs.push(run);
        run = [];
      } else run.push({ x: x(column + 0.5), y: y(value) });
    }
    if (run.length > 0) runs.push(run);
    return runs;
  };
  const middle = trace("p50");
  const high = trace("p95");
  context.fillStyle = colours["d-faint"];
  context.globalAlpha = 0.5;
  high.forEach((run, i) => {
    context.beginPath();
    for (const point of run) context.lineTo(point.x, point.y);
    for (const point of [...(middle[i] ?? [])].reverse()) context.lineTo(point.x, point.y);
    context.fill();
  });
  context.globalAlpha = 1;
  context.lineJoin = "round";
  for (const [runs, colour, thick] of [
    [trace("max"), colours["d-neutral"], 1],
    [middle, colours.t1, 1.3],
  ] as const) {
    context.strokeStyle = colour;
    context.lineWidth = thick;
    for (const run of runs) {
      context.beginPath();
      for (const point of run) context.lineTo(point.x, point.y);
      context.stroke();
    }
  }
  context.font = colours.font;
  context.textBaseline = "middle";
  context.textAlign = "left";
  context.fillStyle = colours.t2;
  context.fillText("all hosts", 0, 12);
  context.fillStyle = colours.t3;
  const isWide = context.measureText("max, p95, p50").width < left - 4;
  for (const [i, text] of (isWide ? ["max, p95, p50"] : ["max, p95", "p50"]).entries())
    context.fillText(text, 0, 28 + i * 14);
  // The values of the newest second that everyone had time for.
  const now = scene.percentiles(from + columns - 3);
  const isClear = Math.abs(y(now.max) - y(now.p50)) >= 12;
  context.textAlign = "right";
  if (!Number.isNaN(now.max)) context.fillText(scene.short(now.max), width, Math.max(10, y(now.max) + 2));
  context.fillStyle = colours.t2;
  if (!Number.isNaN(now.p50) && isClear) context.fillText(scene.short(now.p50), width, y(now.p50));
}

/** A text for so much room. Names of a family differ in their ends: the middle goes. */
export function shortened(context: CanvasRenderingContext2D, text: string, room: number): string {
  if (context.measureText(text).width <= room) return text;
  let keep = text.length - 1;
  const cut = (): string => `${text.slice(0, Math.ceil(keep / 2))}…${text.slice(text.length - Math.floor(keep / 2))}`;
  while (keep > 2 && context.measureText(cut()).width > room) keep--;
  return keep > 0 ? cut() : MISSING;
}
