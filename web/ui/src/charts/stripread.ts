/**
 * A host's strips as numbers: what stands at a point of one, and all values of all of them.
 *
 * In: what was drawn (`Read`), a place in it. Out: rows. Nothing is interpolated: a point answers with the sample that
 * is nearest, as far as a hole is wide, or with null.
 */
import { firstAtOrAfter } from "./axis";
import type { Probed } from "./probed";
import { laid, type Shape, type StripSeries } from "./strips";

/** One strip as it was drawn. */
export interface Read {
  host: string;
  shape: Shape;
  /** Names in the order of the columns. */
  names: readonly string[];
  series: readonly Pick<StripSeries, "isDown">[];
  times: Float64Array;
  columns: readonly Float32Array[];
  /** The scale: 0 to this, or both ways. */
  top: number;
  fromMs: number;
  toMs: number;
  /** A sample speaks for a moment so far away. */
  withinMs: number;
}

const known = (value: number): number | null => (Number.isNaN(value) ? null : value);

/** What stands at a place, as shares of the plot's width and height from its corner. */
export function readAt(of: Read, across: number, down: number): Probed {
  const ms = of.fromMs + across * (of.toMs - of.fromMs);
  const row = nearest(of.times, ms, of.withinMs);
  if (row < 0) return { host: of.host, time_ms: Math.round(ms), series: "", value: null };
  const at = of.top - down * of.top * (of.shape === "mirror" ? 2 : 1);
  const best = seriesAt(of, row, at);
  return {
    host: of.host,
    time_ms: of.times[row]!,
    series: of.names[best]!,
    value: known(of.columns[best]![row]!),
  };
}

/** The series that is drawn at a height of a row. */
function seriesAt({ shape, columns, series }: Read, row: number, at: number): number {
  const shown = laid(shape, columns, series);
  if (shape === "lines") {
    let best = 0;
    for (let i = 1; i < shown.length; i++)
      if (Math.abs(shown[i]![row]! - at) < Math.abs(shown[best]![row]! - at)) best = i;
    return best;
  }
  if (shape === "mirror") {
    const side = series.flatMap((one, i) => ((one.isDown ?? false) === at < 0 ? i : []));
    return side.find((i) => Math.abs(shown[i]![row]!) >= Math.abs(at)) ?? side.at(-1) ?? 0;
  }
  const found = shown.findIndex((column) => column[row]! >= at);
  return found < 0 ? shown.length - 1 : found;
}

/** The row whose time is nearest, at most `withinMs` away; -1: none. */
export function nearest(times: Float64Array, ms: number, withinMs: number): number {
  const after = firstAtOrAfter(times, ms);
  let best = -1;
  let distance = withinMs;
  for (const i of [after - 1, after]) {
    if (i < 0 || i >= times.length) continue;
    const away = Math.abs(times[i]! - ms);
    if (away <= distance) {
      best = i;
      distance = away;
    }
  }
  return best;
}

/** Rows of the window: a time, and a value a name. */
export function rowsOf({ names, times, columns, fromMs, toMs }: Read): Record<string, number | null>[] {
  const rows: Record<string, number | null>[] = [];
  for (let i = firstAtOrAfter(times, fromMs); i < times.length && times[i]! <= toMs; i++) {
    const row: Record<string, number | null> = { time_ms: times[i]! };
    names.forEach((name, k) => {
      row[name] = known(columns[k]![i]!);
    });
    rows.push(row);
  }
  return rows;
}
