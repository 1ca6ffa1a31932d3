/**
 * Numbers as people read them (ui.md section 5): three significant figures, a space before the unit, minus is `−`,
 * a missing value is `—`. This is the one module that knows units.
 *
 * In: a number in its base unit, NaN where unknown. Out: a figure and a unit, apart, so that columns can line up.
 */

export const MISSING = "—";
const MINUS = "−";

/** A figure and its unit; the unit is empty where there is none or nothing to measure. */
export interface Quantity {
  text: string;
  unit: string;
}

const NOTHING: Quantity = { text: MISSING, unit: "" };
const grouped = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

/** Three significant figures: `1.24`, `12.4`, `124`. */
export function three(value: number): string {
  if (!Number.isFinite(value)) return MISSING;
  const size = Math.abs(value);
  const text = size >= 99.95 ? size.toFixed(0) : size >= 9.995 ? size.toFixed(1) : size.toFixed(2);
  return value < 0 && Number(text) !== 0 ? MINUS + text : text;
}

/** One decimal: `12.3`. */
export function percent(value: number): string {
  if (!Number.isFinite(value)) return MISSING;
  const text = Math.abs(value).toFixed(1);
  return value < 0 && Number(text) !== 0 ? MINUS + text : text;
}

/** Grouped, and in millions above 10⁶: `98,519`, `1.85 M`. */
export function count(value: number): Quantity {
  if (!Number.isFinite(value)) return NOTHING;
  if (Math.abs(value) >= 1e9) return { text: three(value / 1e9), unit: "G" };
  if (Math.abs(value) >= 1e6) return { text: three(value / 1e6), unit: "M" };
  return { text: grouped.format(Math.round(value)).replace("-", MINUS), unit: "" };
}

const DECIMAL = ["B/s", "kB/s", "MB/s", "GB/s", "TB/s"];
const BINARY = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

/** A rate of bytes, decimal: `1.20 MB/s`. */
export const byteRate = (value: number): Quantity => scaled(value, 1_000, DECIMAL);

/** A capacity, binary: `17.9 GiB`. */
export const capacity = (value: number): Quantity => scaled(value, 1_024, BINARY);

function scaled(value: number, base: number, units: readonly string[]): Quantity {
  if (!Number.isFinite(value)) return NOTHING;
  let step = 0;
  let size = Math.abs(value);
  // 999.6 kB/s would print as "1000": it is 1.00 MB/s. And 1,010 MiB, which has four digits, is 0.99 GiB.
  while (step < units.length - 1 && size >= 999.5) {
    size /= base;
    step++;
  }
  const text = step === 0 ? size.toFixed(0) : size >= 999.5 ? grouped.format(size) : three(size);
  return { text: value < 0 && size !== 0 ? MINUS + text : text, unit: units[step] ?? "" };
}

/** A time span in its natural unit: `0.36 ms`, `38.6 ms`, `1.84 s`. */
export function duration(ms: number): Quantity {
  if (!Number.isFinite(ms)) return NOTHING;
  if (Math.abs(ms) >= 999.5) return { text: three(ms / 1_000), unit: "s" };
  return { text: three(ms), unit: "ms" };
}

/** What the last word of a metric's name says about its unit: `disk.util_pct` is per cent. */
export function quantity(metric: string, value: number): Quantity {
  const name = metric.replace(/\[.*$/s, "");
  if (name.endsWith("_pct")) return { text: percent(value), unit: Number.isFinite(value) ? "%" : "" };
  if (name.endsWith("bytes_per_s")) return byteRate(value);
  if (name.endsWith("bytes")) return capacity(value);
  if (name.endsWith("_ms")) return duration(value);
  if (name.endsWith("_per_s")) return Number.isFinite(value) ? { text: three(value), unit: "/s" } : NOTHING;
  if (name.endsWith("_s")) return duration(value * 1_000);
  return { text: three(value), unit: "" };
}

/** Figure and unit in one string, for titles and text. */
export const printed = ({ text, unit }: Quantity): string => (unit === "" ? text : `${text} ${unit}`);
