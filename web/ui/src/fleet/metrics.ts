/** What heatmap, grid and comparison can show of every host: one figure a host and second. `key` stands in the URL. */
import { quantity } from "../format/units";
import { F } from "./fields";

export interface FleetMetric {
  key: string;
  title: string;
  /** The metric whose name says the unit. */
  name: string;
  field: number;
  /** Top of the scale; null: the largest value in view. */
  top: number | null;
}

export const METRICS: readonly FleetMetric[] = [
  { key: "cpu", title: "CPU busy %", name: "cpu.busy_pct", field: F.busy, top: 100 },
  { key: "iowait", title: "iowait %", name: "cpu.iowait_pct", field: F.iowait, top: 100 },
  { key: "steal", title: "steal %", name: "cpu.steal_pct", field: F.steal, top: 100 },
  { key: "memory", title: "Memory used %", name: "memory.used_pct", field: F.memory, top: 100 },
  { key: "util", title: "Busiest disk util %", name: "disk.util_pct", field: F.util, top: 100 },
  { key: "await", title: "Busiest disk await", name: "disk.await_ms", field: F.await, top: null },
  { key: "read", title: "Disk read", name: "disk.read_bytes_per_s", field: F.read, top: null },
  { key: "write", title: "Disk write", name: "disk.write_bytes_per_s", field: F.write, top: null },
  { key: "in", title: "Net in", name: "net.rx_bytes_per_s", field: F.rx, top: null },
  { key: "out", title: "Net out", name: "net.tx_bytes_per_s", field: F.tx, top: null },
  { key: "lines", title: "Log lines/s", name: "log.lines_per_s", field: F.lines, top: null },
  { key: "errors", title: "Log errors/s", name: "log.errors_per_s", field: F.errors, top: null },
  { key: "load", title: "Load, 1 min", name: "load.1m", field: F.load, top: null },
];

export const metricOf = (key: string): FleetMetric => METRICS.find((metric) => metric.key === key) ?? METRICS[0]!;

/** A value of the metric, for people. */
export const printedMetric = (metric: FleetMetric, value: number): { text: string; unit: string } =>
  quantity(metric.name, value);

/** A round number at or above a value, for the top of a scale: 1, 2 or 5 times a power of ten. */
export function roundTop(value: number): number {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  for (const factor of [1, 2, 5, 10]) if (value <= factor * power * 1.0001) return factor * power;
  return 10 * power;
}
