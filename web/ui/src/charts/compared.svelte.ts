/**
 * The matrix of a comparison: from the fleet's rings while live, from the history for anything longer or older.
 */
import { COLUMNS } from "../fleet/columns";
import { apply, FIELD_COUNT, FLEET_SERIES, plan } from "../fleet/fields";
import { fleet } from "../fleet/fleet.svelte";
import type { Host } from "../fleet/hosts.svelte";
import { hosts } from "../fleet/hosts.svelte";
import type { FleetMetric } from "../fleet/metrics";
import { ask } from "../live/ask";
import { Matrix } from "./compare";
import { printStep, stepOf, type TimeWindow } from "./window";

interface MetricsAnswer {
  series: {
    host: number;
    series: string;
    time_ms: ArrayLike<number>;
    avg: ArrayLike<number | null>;
    max: ArrayLike<number | null>;
  }[];
}

/** The present: the last steps of the fleet's own rings. */
export function liveMatrix(chosen: readonly Host[], metric: FleetMetric, columns: number): Matrix {
  const edge = fleet.edge();
  const count = Math.min(columns, COLUMNS);
  const matrix = new Matrix(chosen.length, count, edge - count + 1, fleet.columns.step_ms);
  const ring = fleet.columns.ring(metric.field);
  if (!ring) return matrix;
  chosen.forEach((host, row) => {
    const newest = fleet.columns.newest(host.slot);
    const out = matrix.row(row);
    const base = host.slot * COLUMNS;
    for (let i = 0; i < count; i++) {
      const step = matrix.firstStep + i;
      if (step <= newest && step > newest - COLUMNS) out[i] = ring[base + (step % COLUMNS)]!;
    }
  });
  return matrix;
}

// What a host says of a step: its worst moment where that is the question, else the mean.
const WORST = /^(?:disk\.(?:util_pct|.*await_ms)|load\.)/;

/** The past, asked for in steps. */
export async function pastMatrix(
  chosen: readonly Host[],
  metric: FleetMetric,
  filter: string,
  window: TimeWindow,
  signal: AbortSignal,
): Promise<Matrix> {
  const stepMs = stepOf(window);
  const answer = await ask<MetricsAnswer>(
    "metrics",
    {
      filter: filter || "*",
      series: FLEET_SERIES.filter((name) => feeds(metric, name)).join(","),
      from: Math.floor(window.fromMs),
      to: Math.ceil(window.toMs),
      step: printStep(stepMs),
    },
    signal,
  );
  const firstStep = Math.floor(window.fromMs / stepMs);
  const matrix = new Matrix(chosen.length, Math.max(1, Math.ceil(window.toMs / stepMs) - firstStep), firstStep, stepMs);
  const rows = new Map(chosen.map((host, row) => [host.slot, row]));
  const byHost = new Map<number, MetricsAnswer["series"]>();
  for (const series of answer.series) {
    const known = byHost.get(series.host);
    if (known) known.push(series);
    else byHost.set(series.host, [series]);
  }
  const figures = new Float32Array(FIELD_COUNT);
  for (const [number, list] of byHost) {
    const host = hosts.byNumber(number);
    const row = host ? rows.get(host.slot) : undefined;
    if (row === undefined) continue;
    const from = plan(list.map((series) => series.series));
    const sample = new Float32Array(list.length);
    const steps = new Map<number, number[]>();
    list.forEach((series, s) => {
      const values = WORST.test(series.series) ? series.max : series.avg;
      for (let i = 0; i < series.time_ms.length; i++) {
        const step = Math.floor(series.time_ms[i]! / stepMs);
        let at = steps.get(step);
        if (!at) {
          at = new Array<number>(list.length).fill(Number.NaN);
          steps.set(step, at);
        }
        at[s] = values[i] ?? Number.NaN;
      }
    });
    for (const [step, values] of steps) {
      const column = step - firstStep;
      if (column < 0 || column >= matrix.columns) continue;
      sample.set(values);
      apply(from, sample, 0, figures);
      matrix.row(row)[column] = figures[metric.field]!;
    }
  }
  return matrix;
}

/** Whether a series is needed for a metric: those of its own kind. */
function feeds(metric: FleetMetric, series: string): boolean {
  const kind = metric.name.slice(0, metric.name.indexOf("."));
  // The busiest disk is found by util; its wait comes from both directions.
  return series.startsWith(`${kind}.`);
}
