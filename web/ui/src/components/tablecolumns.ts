/**
 * The columns of the fleet's table: their widths, and which of them a narrow window leaves out.
 */
export const COLUMN_KEYS = [
  "state",
  "host",
  "labels",
  "cpu",
  "load",
  "memory",
  "disk",
  "read",
  "write",
  "in",
  "out",
  "lines",
  "errors",
] as const;
export type ColumnKey = (typeof COLUMN_KEYS)[number];

interface Head {
  title: string;
  width: string;
  /** Left out below this width of the window; 0: never. */
  from: number;
  /** A reader may hide it. */
  optional: boolean;
}

export const HEADS: Record<ColumnKey, Head> = {
  state: { title: "State, age", width: "104px", from: 0, optional: false },
  host: { title: "Host", width: "92px", from: 0, optional: false },
  labels: { title: "Labels", width: "minmax(76px, 1fr)", from: 1_400, optional: true },
  cpu: { title: "CPU", width: "176px", from: 0, optional: true },
  load: { title: "Load", width: "44px", from: 954, optional: true },
  memory: { title: "Memory", width: "96px", from: 954, optional: true },
  disk: { title: "Busiest disk", width: "260px", from: 0, optional: true },
  read: { title: "Disk read", width: "80px", from: 1_130, optional: true },
  write: { title: "Disk write", width: "80px", from: 1_130, optional: true },
  in: { title: "Net in", width: "80px", from: 1_310, optional: true },
  out: { title: "Net out", width: "80px", from: 1_310, optional: true },
  lines: { title: "Lines/s", width: "56px", from: 0, optional: true },
  errors: { title: "Error %", width: "58px", from: 0, optional: true },
};

/** `absent` are those that no host measures: an empty column says nothing that its absence does not. */
export function columnsFor(
  width: number,
  hidden: ReadonlySet<ColumnKey>,
  absent: ReadonlySet<ColumnKey> = new Set(),
): ColumnKey[] {
  if (width < 720) return ["host", "cpu"];
  return COLUMN_KEYS.filter((key) => width >= HEADS[key].from && !hidden.has(key) && !absent.has(key));
}

// Width of a letter of a name, on average, and what stands around it.
const LETTER_PX = 6.6;
const NAME_MIN_PX = 92;
const NAME_MAX_PX = 208;

/** What a column of names needs for the longest, within reason. */
export const nameWidth = (longestName: number): number =>
  Math.round(Math.max(NAME_MIN_PX, Math.min(NAME_MAX_PX, longestName * LETTER_PX + 8)));

/** The grid's columns: names get what the longest needs; labels take what is left. */
export function templateFor(keys: readonly ColumnKey[], longestName: number): string {
  const name = nameWidth(longestName);
  return keys
    .map((key) =>
      key !== "host" ? HEADS[key].width : keys.includes("labels") ? `${name}px` : `minmax(${name}px, 1fr)`,
    )
    .join(" ");
}
