/**
 * The ink of a comparison behind its coloured lines: scale and time, hatching, the crowd of hosts, and who is above the
 * threshold. What stands in front of them is `compareedge`'s.
 *
 * In: a canvas context in CSS pixels, and a `View`: where the plot stands and what it is of. Out: ink. The band and the
 * coloured lines are the chart's (`TimeChart`).
 */
import { timeTicks } from "../charts/axis";
import { above, type Band, density, type Matrix, type Stats } from "../charts/compare";
import { hatch } from "../charts/hatch";
import { type FleetMetric, printedMetric } from "../fleet/metrics";
import { clock, dateTime, type Zone } from "../format/age";
import { printed } from "../format/units";
import type { Colours, Token } from "../theme/theme.svelte";

export const LEFT = 48;
export const TOP = 16;
/** Below the plot: the time, and the hosts above the threshold. */
export const ABOVE = 92;
/** More lines than these are a thicket: where they are dense says more. */
export const LINES_UP_TO = 250;
// From so many on, lines among most of the others recede, so that who is unlike them can be seen.
const CROWD_FROM = 12;
const SERIES: readonly Token[] = ["c1", "c2", "c3", "c4", "c5", "d-in", "d-out", "d-neutral", "d-iowait", "d-steal"];
export const PHONE_PX = 720;

export interface Scene {
  matrix: Matrix;
  band: Band;
  stats: readonly Stats[];
  hosts: readonly { name: string }[];
  /** Rows in colour, with the number of their colour. */
  coloured: ReadonlyMap<number, number>;
  /** Rows the reader chose; none: all are equal. */
  focus: ReadonlySet<number>;
  hover: number;
  isLive: boolean;
  newestMs: number;
}

export interface View {
  scene: Scene;
  metric: FleetMetric;
  colours: Colours;
  zone: Zone;
  width: number;
  plotWidth: number;
  plotHeight: number;
  /** Top of the scale. */
  top: number;
  threshold: number;
}

export const seriesColour = (colours: Colours, number: number): string => colours[SERIES[number % SERIES.length]!];

export const heightOf = (view: Pick<View, "plotHeight" | "top">, value: number): number =>
  TOP + (1 - Math.min(1, Math.max(0, value / view.top))) * view.plotHeight;

/** A top of the scale whose quarters are round, too. */
export function evenTop(value: number): number {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 4, 6, 8, 10].find((factor) => value <= factor * power) ?? 10) * power;
}

/** What names and values at the edge need, for the longest name there is. */
export function marginFor(width: number, longest: number): number {
  if (width < PHONE_PX) return 84;
  const NAME_PX = 6.3;
  const VALUE_PX = 78;
  return Math.round(Math.min(width * 0.3, Math.max(148, longest * NAME_PX + VALUE_PX)));
}

export function paintGround(c: CanvasRenderingContext2D, view: View): void {
  const { colours, metric, plotHeight, plotWidth, scene, top, width, zone } = view;
  const { matrix, band, isLive } = scene;
  c.font = colours.font;
  c.textBaseline = "middle";
  c.textAlign = "right";
  for (const part of [0, 0.25, 0.5, 0.75, 1]) {
    const at = Math.round(heightOf(view, part * top));
    c.fillStyle = part === 0 ? colours.line2 : colours.line;
    c.fillRect(LEFT, at, plotWidth, 1);
    c.fillStyle = colours.t3;
    const figure = printedMetric(metric, part * top);
    const text = metric.top === 100 ? `${Math.round(part * top)}` : figure.text;
    const isTop = part === 1;
    const hasRoom = figure.unit.length < 3;
    if (part === 0) c.fillText("0", LEFT - 8, at);
    else c.fillText(isTop && hasRoom && width >= PHONE_PX ? `${text} ${figure.unit}` : text, LEFT - 8, at);
    if (isTop && !hasRoom) c.fillText(figure.unit, LEFT - 8, at + 14);
  }
  // Where nobody says anything there is no data, for anyone.
  c.fillStyle = hatch(c, colours.hatch);
  const step = plotWidth / Math.max(1, matrix.columns - 1);
  for (let i = 0; i < matrix.columns; i++) {
    if (!Number.isNaN(band.p50[i]!)) continue;
    const from = Math.max(LEFT, LEFT + (i - 0.5) * step);
    c.fillRect(from, TOP, Math.min(LEFT + plotWidth, LEFT + (i + 0.5) * step) - from, plotHeight);
  }
  const times = matrix.times();
  const start = times[0]!;
  const end = times.at(-1)!;
  const ticks = timeTicks(start, end, plotWidth, 84);
  const bottom = TOP + plotHeight;
  const text = (ms: number): string =>
    ticks.stepMs >= 86_400_000
      ? dateTime(ms, zone).slice(5, 10)
      : clock(ms, zone).slice(0, ticks.stepMs >= 60_000 ? 5 : 8);
  c.textAlign = "center";
  c.fillStyle = colours.t3;
  for (const ms of ticks.times) {
    const at = LEFT + ((ms - start) / Math.max(1, end - start)) * plotWidth;
    if (at > LEFT + 20 && at < LEFT + plotWidth - 84) c.fillText(text(ms), at, bottom + 16);
  }
  c.textAlign = "right";
  c.fillStyle = isLive ? colours.live : colours.t2;
  c.fillText(clock(end, zone), LEFT + plotWidth - 4, bottom + 16);
  paintAbove(c, view, bottom);
}

/** Hosts above the threshold, by second. */
function paintAbove(c: CanvasRenderingContext2D, view: View, bottom: number): void {
  const { colours, metric, plotWidth, scene, threshold } = view;
  const counts = above(scene.matrix, threshold);
  const base = bottom + ABOVE - 12;
  const room = 32;
  const most = Math.max(6, ...counts);
  const bar = plotWidth / scene.matrix.columns;
  c.fillStyle = colours["d-iowait"];
  counts.forEach((count, i) => {
    if (count === 0) return;
    const size = (count / most) * room;
    c.fillRect(LEFT + i * bar, base - size, Math.max(1, bar - 0.6), size);
  });
  c.fillStyle = colours.line2;
  c.fillRect(LEFT, base, plotWidth, 1);
  c.textAlign = "left";
  c.fillStyle = colours.t2;
  c.fillText(`hosts above ${printed(printedMetric(metric, threshold))}`, LEFT, base - room - 10);
  c.fillStyle = colours.t1;
  c.fillText(`${counts.at(-1) ?? 0} ${scene.isLive ? "now" : "at the end"}`, LEFT + plotWidth + 26, base - 4);
}

/** Everyone who is not in colour: a thin line each, or where they are dense. `x` and `y` are the chart's. */
export function paintCrowd(
  c: CanvasRenderingContext2D,
  view: View,
  x: (ms: number) => number,
  y: (value: number) => number,
): void {
  const { colours, scene, top } = view;
  const { matrix, band, coloured, focus } = scene;
  const times = matrix.times();
  if (matrix.rows > LINES_UP_TO) {
    paintCloud(c, view, x(times[0]!), x(times.at(-1)!), y(top), y(0));
    return;
  }
  const among = new Path2D();
  const apart = matrix.rows < CROWD_FROM ? among : new Path2D();
  const isAmong = (value: number, i: number): boolean => value >= band.p10[i]! && value <= band.p90[i]!;
  const xs = Float64Array.from(times, (ms) => x(ms));
  for (let row = 0; row < matrix.rows; row++) {
    if (coloured.has(row)) continue;
    const values = matrix.row(row);
    let pen: Path2D | null = null;
    for (let i = 0; i < values.length; i++) {
      const value = values[i]!;
      if (Number.isNaN(value)) {
        pen = null;
        continue;
      }
      // A piece of line recedes while both its ends are where most hosts are.
      const before = i > 0 ? values[i - 1]! : Number.NaN;
      const next = isAmong(value, i) && (Number.isNaN(before) || isAmong(before, i - 1)) ? among : apart;
      if (pen !== next || pen === null) {
        if (pen === null || Number.isNaN(before)) next.moveTo(xs[i]!, y(value));
        else {
          next.moveTo(xs[i - 1]!, y(before));
          next.lineTo(xs[i]!, y(value));
        }
        pen = next;
      } else pen.lineTo(xs[i]!, y(value));
    }
  }
  c.strokeStyle = colours["d-neutral"];
  c.lineWidth = 1;
  c.lineJoin = "round";
  if (apart !== among) {
    c.globalAlpha = focus.size > 0 ? 0.06 : 0.1;
    c.stroke(among);
  }
  c.globalAlpha = focus.size > 0 ? 0.16 : 0.36;
  c.stroke(apart);
  c.globalAlpha = 1;
}

function paintCloud(
  c: CanvasRenderingContext2D,
  view: View,
  left: number,
  right: number,
  top: number,
  bottom: number,
): void {
  const { matrix } = view.scene;
  const bins = Math.max(20, Math.floor(view.plotHeight / 2));
  const counts = density(matrix, bins, view.top);
  const image = new ImageData(matrix.columns, bins);
  const [red, green, blue] = rgb(view.colours["d-neutral"]);
  // One host is just visible; a tenth of all of them in one cell is solid. In between by the square root.
  const full = Math.max(4, matrix.rows / 10);
  for (let i = 0; i < counts.length; i++) {
    const count = counts[i]!;
    if (count === 0) continue;
    image.data[i * 4] = red;
    image.data[i * 4 + 1] = green;
    image.data[i * 4 + 2] = blue;
    image.data[i * 4 + 3] = Math.min(230, 40 + 190 * Math.sqrt(Math.min(1, count / full)));
  }
  const cloud = document.createElement("canvas");
  cloud.width = matrix.columns;
  cloud.height = bins;
  cloud.getContext("2d")!.putImageData(image, 0, 0);
  c.imageSmoothingEnabled = false;
  c.drawImage(cloud, left, top, right - left, bottom - top);
}

function rgb(colour: string): [number, number, number] {
  const hex = colour.replace("#", "");
  return [0, 2, 4].map((at) => Number.parseInt(hex.slice(at, at + 2), 16)) as [number, number, number];
}
