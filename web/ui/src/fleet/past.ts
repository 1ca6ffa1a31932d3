/**
 * The past of many hosts, from the hub's answer to `GET /api/v1/metrics` to the fleet's figures.
 *
 * In: series of hosts in steps, each with its least, mean and greatest. Out: columns and, for each host, the figures of
 * its last step. Of what can be bad the worst is kept; parts of a whole are kept as means, or they would not add up.
 */
import { COLUMNS, type Columns } from "./columns";
import { apply, F, FIELD_COUNT, type Plan, plan } from "./fields";

const EVERY = Array.from({ length: FIELD_COUNT }, (_, field) => field);

export interface MetricsAnswer {
  step_ms: number;
  series: {
    host: number;
    name: string;
    series: string;
    time_ms: number[];
    min: (number | null)[];
    avg: (number | null)[];
    max: (number | null)[];
  }[];
}

/** A step of a range in whole seconds, so that at most `COLUMNS` of them cover it. */
export function stepFor(span_ms: number): number {
  return Math.max(1, Math.ceil(Math.floor(span_ms / 1_000) / COLUMNS)) * 1_000;
}

export interface PastHost {
  slot: number;
  plan: Plan;
  /** Figures of its last step with data. */
  figures: Float32Array;
}

/**
 * Fill columns; `slotOf` gives the slot of a host's number, undefined if it is not known any more.
 *
 * `only` some fields are written. Steps longer than those of the columns are spread over them, but into no hole of
 * what is known already.
 */
export function fill(
  columns: Columns,
  answer: MetricsAnswer,
  slotOf: (host: number) => number | undefined,
  only: readonly number[] = EVERY,
): PastHost[] {
  const wide = Math.max(1, Math.round(answer.step_ms / columns.step_ms));
  const byHost = new Map<number, MetricsAnswer["series"]>();
  for (const one of answer.series) {
    const its = byHost.get(one.host);
    if (its) its.push(one);
    else byHost.set(one.host, [one]);
  }
  const found: PastHost[] = [];
  for (const [host, series] of byHost) {
    const slot = slotOf(host);
    if (slot === undefined) continue;
    const from = plan(series.map((one) => one.series));
    const values = new Float32Array(series.length);
    const figures = new Float32Array(FIELD_COUNT).fill(Number.NaN);
    // Series of one host need not have the same steps: a disk may have come later.
    const at = series.map((one) => new Map(one.time_ms.map((time, i) => [columns.stepOf(time), i])));
    const steps = [...new Set(at.flatMap((positions) => [...positions.keys()]))].sort((a, b) => a - b);
    for (const step of steps) {
      series.forEach((one, i) => {
        const position = at[i]!.get(step);
        values[i] = position === undefined ? Number.NaN : (kept(one)[position] ?? Number.NaN);
      });
      apply(from, values, 0, figures);
      for (let own = step; own < step + wide; own++) {
        if (wide > 1 && Number.isNaN(columns.value(slot, F.busy, own))) continue;
        for (const field of only) columns.set(slot, field, own, figures[field]!);
      }
    }
    if (steps.length > 0) found.push({ slot, plan: from, figures });
  }
  return found;
}

function kept(one: MetricsAnswer["series"][number]): (number | null)[] {
  if (one.series === "cpu.idle_pct") return one.min; // least idle is most busy
  return one.series.startsWith("cpu.") ? one.avg : one.max;
}
