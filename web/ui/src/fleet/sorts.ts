/**
 * The columns that the fleet can be ordered by, and how a group joins the figures of its hosts: an average where the
 * whole means little, the worst where one host is the news, a sum where they add up.
 */
import { F } from "./fields";

export type Join = "avg" | "max" | "sum";

export interface SortKey {
  key: string;
  title: string;
  /** Position in a host's figures; -1: not a figure. */
  field: number;
  join: Join;
}

export const SORTS: readonly SortKey[] = [
  { key: "cpu", title: "CPU", field: F.busy, join: "avg" },
  { key: "load", title: "Load", field: F.load, join: "avg" },
  { key: "memory", title: "Memory", field: F.memory, join: "avg" },
  { key: "util", title: "Disk util", field: F.util, join: "max" },
  { key: "await", title: "await", field: F.await, join: "max" },
  { key: "read", title: "Disk read", field: F.read, join: "sum" },
  { key: "write", title: "Disk write", field: F.write, join: "sum" },
  { key: "in", title: "Net in", field: F.rx, join: "sum" },
  { key: "out", title: "Net out", field: F.tx, join: "sum" },
  { key: "lines", title: "Lines/s", field: F.lines, join: "sum" },
  { key: "errors", title: "Errors/s", field: F.errors, join: "sum" },
  { key: "host", title: "Name", field: -1, join: "avg" },
  { key: "state", title: "State, age", field: -1, join: "max" },
];

export interface Sort {
  by: SortKey;
  descending: boolean;
}

/** Read `sort` of the URL; `usual` where it says nothing that is known. */
export function parseSort(text: string, usual: string): Sort {
  const said = text.replace(/^-/, "");
  const by = SORTS.find((sort) => sort.key === said);
  if (!by) return parseSort(usual, "host");
  return { by, descending: text.startsWith("-") };
}

export const printSort = ({ by, descending }: Sort): string => (descending ? "-" : "") + by.key;

/** What a click on a head does: order by it, the worst first; names from A. A second click turns it round. */
export function clicked(now: Sort, key: string): Sort {
  const by = SORTS.find((sort) => sort.key === key) ?? now.by;
  if (by === now.by) return { by, descending: !now.descending };
  return { by, descending: key !== "host" };
}

/** Join figures; unknown ones are left out, and NaN is the answer if none is known. */
export function join(figures: Iterable<number>, how: Join): number {
  let result = Number.NaN;
  let count = 0;
  for (const figure of figures) {
    if (Number.isNaN(figure)) continue;
    count++;
    if (Number.isNaN(result)) result = figure;
    else result = how === "max" ? Math.max(result, figure) : result + figure;
  }
  return how === "avg" && count > 0 ? result / count : result;
}
