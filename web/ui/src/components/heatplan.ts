/**
 * Where each host stands in a heatmap: groups from top to bottom, rows in them, and what is under a pointer.
 *
 * In: hosts in their order, the room there is, how alike they are. Out: a `Plan` in CSS pixels, rows snapped to device
 * pixels. No pixels are drawn here, and nothing is measured.
 */
import { layout, merged } from "../fleet/heat";
import type { Item } from "../fleet/order";

export interface HeatGroup<T> {
  /** The label's value; empty: no groups, or hosts without it. */
  value: string;
  hosts: T[];
  /** Its first row, counted over all groups. */
  first: number;
  rows: T[][];
  top: number;
}

export interface Plan<T> {
  groups: HeatGroup<T>[];
  rowHeight: number;
  /** Hosts that share a row. */
  per: number;
  rows: T[][];
  bottom: number;
}

export interface Room {
  /** Above the rows: what all hosts do together, and the time. */
  top: number;
  height: number;
  /** Device pixels a CSS pixel. */
  ratio: number;
}

const GAP = 8;
const ROW_MAX = 14;

/** Lay hosts into rows. `mean` puts like beside like where several share one; NaN where nothing is known. */
export function plan<T>(items: readonly Item<T>[], { top, height, ratio }: Room, mean: (host: T) => number): Plan<T> {
  const found: { value: string; hosts: T[] }[] = [];
  const isGrouped = items.some((item) => item.kind === "group");
  if (!isGrouped) found.push({ value: "", hosts: items.flatMap((item) => (item.kind === "host" ? [item.host] : [])) });
  else for (const item of items) if (item.kind === "group") found.push({ value: item.value, hosts: item.hosts });
  const { height: deviceHeight, per } = layout(
    found.map((one) => one.hosts.length),
    Math.max(20, height - top - 6) * ratio,
    GAP * ratio,
    ROW_MAX * ratio,
  );
  const rowHeight = deviceHeight / ratio;
  let at = top;
  let first = 0;
  const groups = found.map(({ value, hosts }): HeatGroup<T> => {
    const rows = merged(per > 1 ? alike(hosts, mean) : hosts, per);
    const group = { value, hosts, first, rows, top: at };
    first += rows.length;
    at += rows.length * rowHeight + GAP;
    return group;
  });
  return { groups, rowHeight, per, rows: groups.flatMap((group) => group.rows), bottom: at - GAP };
}

/** The busiest first; hosts of which nothing is known last. */
function alike<T>(hosts: readonly T[], mean: (host: T) => number): T[] {
  return hosts
    .map((host) => ({ host, mean: mean(host) }))
    .sort((a, b) => (Number.isNaN(b.mean) ? -1 : b.mean) - (Number.isNaN(a.mean) ? -1 : a.mean))
    .map(({ host }) => host);
}

export const topOf = <T>(plan: Plan<T>, row: number, group: HeatGroup<T>): number =>
  group.top + (row - group.first) * plan.rowHeight;

/** The row at a height; -1 between groups and outside. */
export function rowAt<T>(plan: Plan<T>, y: number): number {
  for (const group of plan.groups) {
    const row = Math.floor((y - group.top) / plan.rowHeight);
    if (row >= 0 && row < group.rows.length) return group.first + row;
  }
  return -1;
}

/** The row nearest to a height: for a hand that has left the rows while it drags. */
export function rowNear<T>(plan: Plan<T>, y: number): number {
  let best = -1;
  let distance = Number.POSITIVE_INFINITY;
  for (const group of plan.groups) {
    const row = Math.max(0, Math.min(group.rows.length - 1, Math.floor((y - group.top) / plan.rowHeight)));
    const away = Math.abs(topOf(plan, group.first + row, group) + plan.rowHeight / 2 - y);
    if (away < distance) {
      distance = away;
      best = group.first + row;
    }
  }
  return best;
}

export const groupOf = <T>(plan: Plan<T>, row: number): HeatGroup<T> | undefined =>
  plan.groups.find((group) => row >= group.first && row < group.first + group.rows.length);

/**
 * A filter for the hosts of rows `first` to `last`: by label where whole groups were chosen, else by name.
 *
 * `label` is the key that they are grouped by; `name` prints a host as a term.
 */
export function filterFor<T>(
  plan: Plan<T>,
  first: number,
  last: number,
  label: string,
  name: (host: T) => string,
): string {
  const terms = plan.groups.flatMap((group) => {
    const from = Math.max(first, group.first);
    const to = Math.min(last, group.first + group.rows.length - 1);
    if (from > to) return [];
    const isWhole = from === group.first && to === group.first + group.rows.length - 1;
    if (isWhole && group.value !== "") return [`${label}=${group.value}`];
    return group.rows.slice(from - group.first, to - group.first + 1).flatMap((row) => row.map(name));
  });
  return terms.join(" | ");
}
