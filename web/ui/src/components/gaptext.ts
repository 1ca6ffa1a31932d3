/**
 * Gaps in words: what is missing, why, and what can be done.
 *
 * In: a gap row. Out: a sentence, and the word for the button that fills it; empty where nothing can.
 */
import { age, clock, type Zone } from "../format/age";
import { capacity, count, printed } from "../format/units";
import type { GapRow } from "../logs/tail";

export function gapText(
  gap: GapRow,
  nameOf: (host: number) => string,
  zone: Zone = "UTC",
): { text: string; action: string } {
  const host = gap.host >= 0 ? nameOf(gap.host) : "";
  const file = gap.path.slice(gap.path.lastIndexOf("/") + 1);
  const where = [host, file].filter(Boolean).join(" ");
  const size = sizeOf(gap);
  const span = `${clock(gap.fromMs, zone)} – ${clock(gap.toMs, zone)}`;
  switch (gap.why) {
    case "slow-reader":
      return { text: `${size || "lines"} not shown, arrived faster than the page reads`, action: "load them" };
    case "held":
      return { text: `${size} came while you were reading, more than the page keeps`, action: "load them" };
    case "agent-away": {
      const away = age(gap.toMs - gap.fromMs);
      const late = size ? `, its ${size} came late and stand in order` : "";
      return { text: `${where}: agent away ${away} (${span})${late}`, action: "" };
    }
    case "sampled":
      return {
        text: `${size ? `${size} left out` : "lines left out"} since ${clock(gap.fromMs, zone)}: sampled, the counts are exact`,
        action: "",
      };
    case "file-gone":
      return { text: `${where}: ${size || "the rest"} is gone, the file was deleted before it was read`, action: "" };
    case "truncated":
      return { text: `${where}: the file was cut${size ? `, ${size} of it were not read` : ""} (${span})`, action: "" };
    case "retention":
      return { text: `${where ? `${where}: ` : ""}${size || "older lines"} no longer kept`, action: "" };
    default:
      // A newer hub may know more reasons than this page.
      return { text: `${where}: ${size || "something"} is missing (${String(gap.why)})`, action: "" };
  }
}

function sizeOf(gap: GapRow): string {
  if (gap.lines !== null) return `${printed(count(gap.lines))} ${gap.lines === 1 ? "line" : "lines"}`;
  return gap.bytes === null ? "" : printed(capacity(gap.bytes));
}
