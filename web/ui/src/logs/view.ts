/**
 * The rows of a pane as it shows them: hidden levels left out, opened lines followed by their details, long lines
 * wrapped. Every item is one row of the grid, so a pane never measures anything.
 *
 * In: the rows of a tail, and what the reader chose. Out: for each grid row, which row of the tail it belongs to and
 * which part of it. Rebuilt when the tail or a choice changed; five thousand rows take a fraction of a millisecond.
 */
import { withoutColours } from "./ansi";
import { type Field, jsonFields } from "./json";
import type { Level } from "./levels";
import type { LineRow, Row } from "./tail";

export interface Choices {
  hidden: ReadonlySet<Level>;
  /** Ids of lines that are open. */
  open: ReadonlySet<number>;
  /** Characters in a row; 0: lines are not wrapped. */
  wrapColumns: number;
}

export type Detail =
  | { kind: "field"; field: Field }
  | { kind: "frame"; text: string }
  | { kind: "wrapped"; from: number };

// What is wrapped further is in the file, not on a screen.
const WRAPPED_ROWS = 40;

export class PaneView {
  /** For each grid row: the index in the tail's rows. */
  rowOf = new Int32Array(0);
  /** For each grid row: 0 for the line itself, n for its n-th detail. */
  partOf = new Int32Array(0);
  length = 0;
  /** Lines that match what is hidden, for the empty state. */
  hiddenLines = 0;
  rows: readonly Row[] = [];
  #details = new Map<number, { text: string; details: Detail[] }>();

  build(rows: readonly Row[], choices: Choices): void {
    this.rows = rows;
    this.length = 0;
    this.hiddenLines = 0;
    const plain = choices.wrapColumns === 0 && choices.open.size === 0;
    if (this.rowOf.length < rows.length) this.#grow(rows.length);
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i]!;
      if (row.kind === "line" && choices.hidden.has(row.level)) {
        this.hiddenLines++;
        continue;
      }
      this.#push(i, 0);
      if (plain || row.kind !== "line") continue;
      const more = this.#wrapped(row, choices.wrapColumns) + (choices.open.has(row.id) ? this.details(row).length : 0);
      for (let part = 1; part <= more; part++) this.#push(i, part);
    }
    if (this.#details.size > choices.open.size) {
      for (const id of this.#details.keys()) if (!choices.open.has(id)) this.#details.delete(id);
    }
  }

  /** What a grid row shows besides the line itself. */
  detail(index: number, wrapColumns: number): Detail | null {
    const part = this.partOf[index]!;
    const row = this.rows[this.rowOf[index]!];
    if (part === 0 || row?.kind !== "line") return null;
    const wrapped = this.#wrapped(row, wrapColumns);
    if (part <= wrapped) return { kind: "wrapped", from: part * wrapColumns };
    return this.details(row)[part - wrapped - 1] ?? null;
  }

  /** The grid row of a tail's row; -1 if it is not shown. */
  indexOf(row: Row): number {
    for (let i = 0; i < this.length; i++) if (this.partOf[i] === 0 && this.rows[this.rowOf[i]!] === row) return i;
    return -1;
  }

  /** The grid row of the last part of a tail's row, looked for from the end; -1 if it is not shown. */
  lastIndexOf(row: Row): number {
    for (let i = this.length - 1; i >= 0; i--) if (this.rows[this.rowOf[i]!] === row) return i;
    return -1;
  }

  /** The grid row of the first row at or after a moment. */
  indexAt(timeMs: number): number {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const row = this.rows[this.rowOf[middle]!]!;
      if ((row.kind === "line" ? row.timeMs : row.toMs) < timeMs) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** JSON as fields, a trace as its frames. */
  details(row: LineRow): Detail[] {
    const known = this.#details.get(row.id);
    const frames = row.folded?.length ?? 0;
    const text = `${frames} ${row.text}`;
    if (known?.text === text) return known.details;
    const fields = jsonFields(withoutColours(row.text))?.fields ?? [];
    const details: Detail[] = [
      ...fields.map((field): Detail => ({ kind: "field", field })),
      ...(row.folded ?? []).map((line): Detail => ({ kind: "frame", text: line.text })),
    ];
    this.#details.set(row.id, { text, details });
    return details;
  }

  #wrapped(row: LineRow, columns: number): number {
    if (columns === 0) return 0;
    return Math.min(WRAPPED_ROWS, Math.max(0, Math.ceil(withoutColours(row.text).length / columns) - 1));
  }

  #push(row: number, part: number): void {
    if (this.length === this.rowOf.length) this.#grow(this.length * 2 + 64);
    this.rowOf[this.length] = row;
    this.partOf[this.length] = part;
    this.length++;
  }

  #grow(size: number): void {
    const rowOf = new Int32Array(size);
    const partOf = new Int32Array(size);
    rowOf.set(this.rowOf.subarray(0, this.length));
    partOf.set(this.partOf.subarray(0, this.length));
    this.rowOf = rowOf;
    this.partOf = partOf;
  }
}
