/**
 * Ages and clocks (ui.md section 5): `0.4 s`, `12 s`, `2 m 14 s`, `3 h 12 m`, `41 d 6 h`; `12:03:11` and `12:03:11.313`.
 */
import { MISSING } from "./units";

/** An age in ms as text. A negative one (clocks that disagree by a little) is 0.0 s. */
export function age(ms: number): string {
  if (!Number.isFinite(ms)) return MISSING;
  const seconds = Math.max(0, ms) / 1_000;
  // Cut, not rounded: an age of 9.99 s has not seen its tenth second.
  if (seconds < 10) return `${(Math.floor(seconds * 10) / 10).toFixed(1)} s`;
  const s = Math.floor(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3_600) return `${Math.floor(s / 60)} m ${s % 60} s`;
  if (s < 86_400) return `${Math.floor(s / 3_600)} h ${Math.floor((s % 3_600) / 60)} m`;
  return `${Math.floor(s / 86_400)} d ${Math.floor((s % 86_400) / 3_600)} h`;
}

/** A span of whole seconds: `120 s`, `5 m`, `1 h`; what does not divide is printed as an age. */
export function span(ms: number): string {
  const s = Math.round(ms / 1_000);
  if (s <= 120) return `${s} s`;
  if (s % 86_400 === 0) return `${s / 86_400} d`;
  if (s % 3_600 === 0) return `${s / 3_600} h`;
  if (s % 60 === 0) return `${s / 60} m`;
  return age(ms);
}

export type Zone = "UTC" | "local";

/** `12:03:11`. */
export function clock(ms: number, zone: Zone = "UTC"): string {
  const t = shifted(ms, zone);
  return t === null ? MISSING : t.toISOString().slice(11, 19);
}

/** `12:03:11.313`. */
export function clockMs(ms: number, zone: Zone = "UTC"): string {
  const t = shifted(ms, zone);
  return t === null ? MISSING : t.toISOString().slice(11, 23);
}

/** `2026-11-24 12:03:11`. */
export function dateTime(ms: number, zone: Zone = "UTC"): string {
  const t = shifted(ms, zone);
  return t === null ? MISSING : t.toISOString().slice(0, 19).replace("T", " ");
}

// What a clock is off by less than this, nobody sees in a time that is printed in ms.
const SAME_MS = 1;

/** What the host's own clock said at a moment, for a hover: every time shown is corrected by the clock's offset. */
export function byHostClock(ms: number, raw_ms: number, zone: Zone = "UTC"): string {
  const off = raw_ms - ms;
  if (!Number.isFinite(off)) return "";
  const by = Math.abs(off) < 10_000 ? `${Math.round(Math.abs(off))} ms` : age(Math.abs(off));
  const how = Math.abs(off) < SAME_MS ? "the same" : `${by} ${off > 0 ? "ahead" : "behind"}`;
  return `${dateTime(raw_ms, zone)}.${clockMs(raw_ms, zone).slice(9)} by the host's own clock, ${how}`;
}

/** A moment whose UTC fields are those of the zone. */
function shifted(ms: number, zone: Zone): Date | null {
  const at = new Date(ms);
  if (Number.isNaN(at.getTime())) return null;
  return zone === "UTC" ? at : new Date(at.getTime() - at.getTimezoneOffset() * 60_000);
}
