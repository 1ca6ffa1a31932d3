/**
 * What the hosts of the lens do together, step by step: the average of their processors, the sum of their bytes.
 *
 * Summing 10,000 hosts over 300 steps each second would be most of the page's work, so only the newest steps are summed
 * again; all of them when hosts come or go, or when their past is filled in.
 *
 * In: the fleet's columns and the slots that count. Out: a value a field and step, NaN where nobody reported.
 */
import { COLUMNS, type Columns } from "./columns";
import { F } from "./fields";

export const TOTALS: readonly { field: number; how: "avg" | "sum" }[] = [
  { field: F.busy, how: "avg" },
  { field: F.read, how: "sum" },
  { field: F.write, how: "sum" },
  { field: F.rx, how: "sum" },
  { field: F.tx, how: "sum" },
  { field: F.lines, how: "sum" },
  { field: F.errors, how: "sum" },
];
// Samples of a second arrive within so many steps.
const OPEN_STEPS = 4;

export class Totals {
  readonly #rings = TOTALS.map(() => new Float64Array(COLUMNS).fill(Number.NaN));
  #edge = -1;
  #key = "";

  /** `key` changes when everything must be summed again. `now` gives the present total of a field that has no past. */
  update(columns: Columns, slots: readonly number[], edge: number, key: string, now: (field: number) => number): void {
    const all = key !== this.#key || edge - this.#edge >= COLUMNS || edge < this.#edge;
    const first = all ? edge - COLUMNS + 1 : Math.min(this.#edge + 1, edge - OPEN_STEPS);
    this.#key = key;
    TOTALS.forEach(({ field, how }, at) => {
      const ring = this.#rings[at]!;
      if (columns.keeps(field))
        for (let step = first; step <= edge; step++) ring[step % COLUMNS] = this.#sum(columns, slots, field, step, how);
      else {
        if (all) ring.fill(Number.NaN);
        else
          for (let step = Math.max(this.#edge + 1, edge - COLUMNS + 1); step < edge; step++)
            ring[step % COLUMNS] = Number.NaN;
        ring[edge % COLUMNS] = now(field);
      }
    });
    this.#edge = edge;
  }

  /** The total of `TOTALS[at]` in a step. */
  value(at: number, step: number): number {
    if (step > this.#edge || step <= this.#edge - COLUMNS) return Number.NaN;
    return this.#rings[at]![step % COLUMNS]!;
  }

  #sum(columns: Columns, slots: readonly number[], field: number, step: number, how: "avg" | "sum"): number {
    const ring = columns.ring(field);
    if (!ring) return Number.NaN;
    const at = step % COLUMNS;
    let total = 0;
    let count = 0;
    for (const slot of slots) {
      const newest = columns.newest(slot);
      if (step > newest || step <= newest - COLUMNS) continue;
      const value = ring[slot * COLUMNS + at]!;
      if (!Number.isNaN(value)) {
        total += value;
        count++;
      }
    }
    if (count === 0) return Number.NaN;
    return how === "avg" ? total / count : total;
  }
}
