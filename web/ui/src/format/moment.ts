/**
 * A moment as people type it into the range: `11:30`, `11:30:15`, `2026-11-23 18:00`, `now-15m`, `now`, or what a link holds.
 *
 * In: the text, the zone it is meant in, and now. Out: ms since 1970, or null where it is none. A bare time of day is the
 * last one that has passed.
 */
import { parseMoment, spanMs } from "../url";
import type { Zone } from "./age";

const DAY_MS = 86_400_000;

export function typedMoment(text: string, zone: Zone, now_ms: number): number | null {
  const trimmed = text.trim();
  if (trimmed === "now") return now_ms;
  const relative = /^(?:now)?\s*-\s*(\d+\s*[smhd])$/.exec(trimmed);
  if (relative) {
    const span = spanMs((relative[1] ?? "").replace(/\s/g, ""));
    return span === null ? null : now_ms - span;
  }
  const time = /^(\d{1,2}):(\d{2})(?::(\d{2}))?$/.exec(trimmed);
  if (time) {
    const [h, m, s] = [Number(time[1]), Number(time[2]), Number(time[3] ?? 0)];
    if (h > 23 || m > 59 || s > 59) return null;
    const midnight = Math.floor((now_ms - offsetMs(now_ms, zone)) / DAY_MS) * DAY_MS + offsetMs(now_ms, zone);
    const today = midnight + ((h * 60 + m) * 60 + s) * 1_000;
    return today > now_ms ? today - DAY_MS : today;
  }
  const utc = parseMoment(trimmed);
  const absolute = /^\d+$|(Z|:\d{2}\s?[+-]\d{2}:?\d{2})$/.test(trimmed);
  return utc === null || absolute ? utc : utc + offsetMs(utc, zone);
}

/** What to add to a wall-clock time of the zone, read as UTC, to get UTC. */
function offsetMs(ms: number, zone: Zone): number {
  return zone === "UTC" ? 0 : new Date(ms).getTimezoneOffset() * 60_000;
}
