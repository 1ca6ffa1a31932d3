/**
 * The lens' time in words, for the name of a picture: `last 5 m`, or from when to when.
 *
 * In: the part of the place that says when, and the zone. Out: text.
 */
import { spanMs } from "../url";
import { dateTime, span, type Zone } from "./age";

export function spanText(place: { from: number | null; to: number | null; span: string }, zone: Zone): string {
  if (place.from === null) return `last ${span(spanMs(place.span) ?? 300_000)}`;
  return `${dateTime(place.from, zone)} to ${place.to === null ? "now" : dateTime(place.to, zone)}`;
}
