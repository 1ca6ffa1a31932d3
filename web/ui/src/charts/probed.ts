/**
 * What a canvas says of itself (ui.md section 9): its range, step, hosts, newest sample and how often it was drawn, as
 * data attributes; what stands at a point, and all its values, as functions on the element.
 *
 * A picture that cannot be asked cannot be checked, nor read by those who do not see it.
 */
export interface Probed {
  host: string;
  time_ms: number;
  series: string;
  value: number | null;
}

export interface Facts {
  from: number;
  to: number;
  step: number;
  hosts: number | string;
  newest: number;
}

export interface Answers<Row = Probed> {
  /** In CSS pixels from the canvas' corner; null: nothing stands there. NaN is said as null. */
  probe: (x: number, y: number) => Probed | null;
  values: () => Row[];
}

const known = (value: number | null): number | null => (value === null || Number.isNaN(value) ? null : value);

/** Write the facts on the canvas after it was drawn, and let it answer. */
export function probed<Row extends object>(canvas: HTMLCanvasElement, facts: Facts, answers: Answers<Row>): void {
  const data = canvas.dataset;
  for (const [name, value] of Object.entries(facts) as [string, number | string][])
    data[name] = typeof value === "string" ? value : Number.isFinite(value) ? String(Math.round(value)) : "";
  data["drawn"] = String(Number(data["drawn"] ?? 0) + 1);
  Object.assign(canvas, {
    probe: (x: number, y: number): Probed | null => {
      const found = answers.probe(x, y);
      return found && { ...found, value: known(found.value) };
    },
    values: (): object[] =>
      answers.values().map((row) => ("value" in row ? { ...row, value: known(row.value as number | null) } : row)),
  });
}
