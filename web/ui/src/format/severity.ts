/**
 * When a figure is a warning (▲) or bad (◆): all thresholds of the dashboard, in one table.
 */
export type Severity = "" | "warn" | "bad";

/** From where a value is a warning, and from where it is bad; in the unit of the metric's name. */
const THRESHOLDS: Record<string, readonly [warn: number, bad: number]> = {
  // A disk that is busy all the time has no room for one more request.
  "disk.util_pct": [85, 97],
  // The kernel begins to reclaim in earnest above these.
  "memory.used_pct": [90, 96],
  "filesystem.used_pct": [85, 95],
  // Slower than a spinning disk's seek, and slower than a person accepts.
  "disk.await_ms": [20, 60],
  "cpu.busy_pct": [85, 97],
  // Lines of two hosts cannot be put in order any more.
  clock_offset_ms: [500, 60_000],
  lag_ms: [1_000, 30_000],
};

export function severity(metric: string, value: number): Severity {
  const limits = THRESHOLDS[metric];
  if (!limits || Number.isNaN(value)) return "";
  const size = Math.abs(value);
  return size >= limits[1] ? "bad" : size >= limits[0] ? "warn" : "";
}

/** What stands before the figure, for canvas and plain text; the class of the same name draws it in HTML. */
export const MARK: Record<Severity, string> = { "": "", warn: "▲", bad: "◆" };
