/**
 * How fresh the picture is, in one word that may be shown: "Live" is said only while it is true.
 *
 * In: the link, the age of the newest sample shown, and whether samples are due at all. Out: a `Freshness`.
 */
import type { Link } from "./session";

export type Freshness =
  | { kind: "connecting" }
  | { kind: "live"; delay_ms: number }
  | { kind: "behind"; by_ms: number }
  | { kind: "reconnecting"; attempt: number; in_ms: number }
  | { kind: "unreachable"; for_ms: number; in_ms: number };

// The contract of the picture: more than a second old is behind.
const BEHIND_MS = 1_000;
// Between two frames of a 1 Hz channel the newest sample grows a second old, and that is no delay.
const FRAME_MS = 1_000;
// A hub that restarts is back by then; what takes longer deserves a banner.
const UNREACHABLE_MS = 5_000;

export interface Measured {
  /** Hub's clock minus the time of the newest sample; NaN: none yet. */
  age_ms: number;
  /** What that was when the sample came. */
  delay_ms: number;
  /** A live host is subscribed, so that samples must keep coming. */
  due: boolean;
}

export function freshness(link: Link, now: number, { age_ms, delay_ms, due }: Measured, welcomed: boolean): Freshness {
  if (link.state !== "open") {
    const in_ms = link.state === "waiting" ? Math.max(0, link.until - now) : 0;
    const for_ms = now - link.since;
    if (for_ms >= UNREACHABLE_MS) return { kind: "unreachable", for_ms, in_ms };
    if (!welcomed && link.attempt === 1) return { kind: "connecting" };
    return { kind: "reconnecting", attempt: link.attempt, in_ms };
  }
  if (!due) return { kind: "live", delay_ms: Number.NaN };
  if (Number.isNaN(age_ms)) {
    // Live hosts, and not one sample yet: first it is on its way, then it is late.
    const waited = now - link.since;
    return waited > BEHIND_MS + FRAME_MS ? { kind: "behind", by_ms: waited } : { kind: "connecting" };
  }
  const overdue = age_ms - FRAME_MS;
  if (Math.max(delay_ms, overdue) > BEHIND_MS) return { kind: "behind", by_ms: Math.max(delay_ms, overdue) };
  return { kind: "live", delay_ms };
}
