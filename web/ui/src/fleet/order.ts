/**
 * Rows of the fleet in their order: sorted by a column, grouped by a label, folded or not.
 *
 * In: hosts, what the reader chose, and a way to ask for a host's figure. Out: a flat list of items, groups before their
 * hosts. Lost hosts sink in whatever order; what is not measured sinks within the rest. Ties go by name, numbers in
 * names by their size (`db-2` before `db-10`).
 */
import type { HostState } from "../protocol/messages";

export interface Sortable {
  name: string;
  labels: Readonly<Record<string, string>>;
  state: HostState;
}

export interface GroupItem<T> {
  kind: "group";
  key: string;
  /** The label's value; empty for hosts without it. */
  value: string;
  hosts: T[];
  folded: boolean;
}

export type Item<T> = GroupItem<T> | { kind: "host"; host: T };

export interface Wish<T> {
  /** A label's key, or empty. */
  group: string;
  /** What to order by; null: by name. */
  figure: ((host: T) => number) | null;
  /** What a whole group is ordered by; the same figure, joined over its hosts. */
  groupFigure: ((hosts: readonly T[]) => number) | null;
  descending: boolean;
  folded: ReadonlySet<string>;
}

const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
export const byName = (a: string, b: string): number => collator.compare(a, b);

// Live and late stand together: a host that stumbles for a second must not jump.
const SINKS: Record<HostState, number> = { live: 0, late: 0, lost: 1, left: 2 };

export function order<T extends Sortable>(hosts: readonly T[], wish: Wish<T>): Item<T>[] {
  if (wish.group === "") return sorted(hosts, wish).map((host) => ({ kind: "host", host }));
  const groups = new Map<string, T[]>();
  for (const host of hosts) {
    const value = host.labels[wish.group] ?? "";
    const members = groups.get(value);
    if (members) members.push(host);
    else groups.set(value, [host]);
  }
  const sign = wish.descending ? -1 : 1;
  const figures = new Map<string, number>();
  if (wish.groupFigure) for (const [value, members] of groups) figures.set(value, wish.groupFigure(members));
  const values = [...groups.keys()].sort((a, b) => {
    // Hosts without the label stand last, whatever their figures.
    if ((a === "") !== (b === "")) return a === "" ? 1 : -1;
    if (wish.groupFigure) {
      const difference = compare(figures.get(a) ?? Number.NaN, figures.get(b) ?? Number.NaN, sign);
      if (difference !== 0) return difference;
      return byName(a, b);
    }
    return sign * byName(a, b);
  });
  const items: Item<T>[] = [];
  for (const value of values) {
    const members = sorted(groups.get(value) ?? [], wish);
    const folded = wish.folded.has(value);
    items.push({ kind: "group", key: wish.group, value, hosts: members, folded });
    if (!folded) for (const host of members) items.push({ kind: "host", host });
  }
  return items;
}

function sorted<T extends Sortable>(hosts: readonly T[], wish: Wish<T>): T[] {
  const sign = wish.descending ? -1 : 1;
  const { figure } = wish;
  // Names are compared once, not at each of many comparisons: at 10,000 hosts that is most of the work.
  const ranked = hosts.map((host) => ({ host, figure: figure ? figure(host) : 0 }));
  ranked.sort((a, b) => {
    const sinks = SINKS[a.host.state] - SINKS[b.host.state];
    if (sinks !== 0) return sinks;
    const difference = figure ? compare(a.figure, b.figure, sign) : 0;
    if (difference !== 0) return difference;
    return (figure ? 1 : sign) * byName(a.host.name, b.host.name);
  });
  return ranked.map(({ host }) => host);
}

/** NaN last in either direction. */
function compare(a: number, b: number, sign: number): number {
  if (Number.isNaN(a)) return Number.isNaN(b) ? 0 : 1;
  if (Number.isNaN(b)) return -1;
  return a === b ? 0 : a < b ? -sign : sign;
}

/**
 * Keep the order that is on screen and only follow who comes and goes: for as long as someone points at it.
 *
 * Returns the held items with members as they are now, and how many hosts would stand elsewhere if it were sorted again.
 */
export function hold<T extends Sortable>(
  held: readonly Item<T>[],
  fresh: readonly Item<T>[],
): { items: Item<T>[]; moved: number } {
  const key = (item: Item<T>): T | string => (item.kind === "host" ? item.host : `group ${item.value}`);
  const current = new Map(fresh.map((item) => [key(item), item]));
  const kept = held.flatMap((item) => current.get(key(item)) ?? []);
  const known = new Set(kept.map(key));
  const items = [...kept];
  fresh.forEach((item, at) => {
    if (known.has(key(item))) return;
    // A new host goes behind the item that it follows in the fresh order, so that it stands in its group.
    const leader = at > 0 ? key(fresh[at - 1]!) : null;
    const before = leader === null ? -1 : items.findIndex((other) => key(other) === leader);
    items.splice(before + 1, 0, item);
  });
  const place = new Map(fresh.map((item, at) => [key(item), at]));
  return { items, moved: items.length - longestRising(items.map((item) => place.get(key(item)) ?? 0)) };
}

/** How many can stay where they are: the length of the longest rising subsequence. */
function longestRising(places: readonly number[]): number {
  const tails: number[] = [];
  for (const place of places) {
    let low = 0;
    let high = tails.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (tails[middle]! < place) low = middle + 1;
      else high = middle;
    }
    tails[low] = place;
  }
  return tails.length;
}
