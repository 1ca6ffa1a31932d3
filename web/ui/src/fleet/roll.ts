/** The order of the Hosts page: trouble first, or by any column. In: hosts. Out: a new list. */
import type { HostMap } from "../protocol/messages";
import { byName } from "./order";

export const ROLL_KEYS = ["state", "host", "address", "agent", "up", "offset", "lag", "streams"] as const;
export type RollKey = (typeof ROLL_KEYS)[number];

export interface Rolled {
  name: string;
  map: HostMap;
}

const TROUBLE: Record<HostMap["state"], number> = { lost: 0, late: 1, live: 2, left: 3 };
// More than this and lines of two hosts cannot be put in order: it stands among the troubles.
const OFFSET_MS = 500;

export function roll<T extends Rolled>(
  all: readonly T[],
  key: RollKey,
  descending: boolean,
  uptime: (host: T) => number,
): T[] {
  const sign = descending ? -1 : 1;
  const names = (a: T, b: T): number => byName(a.name, b.name);
  const figures: Partial<Record<RollKey, (host: T) => number>> = {
    up: uptime,
    offset: (host) => Math.abs(host.map.clock_offset_ms),
    lag: (host) => host.map.lag_ms,
    streams: (host) => host.map.streams,
  };
  const figure = figures[key];
  return [...all].sort((a, b) => {
    if (key === "state") {
      const worse = TROUBLE[a.map.state] - TROUBLE[b.map.state] || Number(odd(b.map)) - Number(odd(a.map));
      return sign * worse || names(a, b);
    }
    if (figure) {
      const [x, y] = [figure(a), figure(b)];
      if (Number.isNaN(x) || Number.isNaN(y)) return Number(Number.isNaN(x)) - Number(Number.isNaN(y)) || names(a, b);
      return sign * (x - y) || names(a, b);
    }
    const text = (host: T): string =>
      key === "address" ? host.map.address : key === "agent" ? host.map.agent_version : host.name;
    return sign * byName(text(a), text(b)) || names(a, b);
  });
}

/** A host that is there and yet not well. */
export const odd = (map: HostMap): boolean => map.problems.length > 0 || Math.abs(map.clock_offset_ms) > OFFSET_MS;
