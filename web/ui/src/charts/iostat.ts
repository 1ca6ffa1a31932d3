/**
 * One second as `iostat` prints it: its columns, its names, two decimals.
 *
 * In: a look-up of series at one row (our units: bytes/s, bytes, ms, per cent). Out: tables of text in iostat's units
 * (kB of 1,024 bytes). The long table (-x) shows what was printed; the short one (-xs) is made from it by iostat's own
 * rules, because an agent runs `iostat -x` once and not twice. A column that no device has is not there: an older
 * iostat does not print it either. What is missing is a dash.
 */

export type Lookup = (series: string) => number;

export interface Column {
  head: string;
  /** What the column means, for a title. */
  title: string;
}

export interface Table {
  columns: Column[];
  rows: { device: string; cells: number[] }[];
}

const KB = 1024;

interface Definition extends Column {
  value(get: (field: string) => number): number;
}

const field =
  (name: string, divide = 1) =>
  (get: (field: string) => number) =>
    get(name) / divide;

const known = (value: number) => (Number.isNaN(value) ? 0 : value);
const sum = (get: (field: string) => number, names: readonly string[]): number =>
  names.every((name) => Number.isNaN(get(name))) ? Number.NaN : names.reduce((all, name) => all + known(get(name)), 0);

const RATES = ["reads_per_s", "writes_per_s", "discards_per_s"] as const;
const BYTES = ["read_bytes_per_s", "write_bytes_per_s", "discard_bytes_per_s"] as const;
const MERGES = ["read_merges_per_s", "write_merges_per_s", "discard_merges_per_s"] as const;
const AWAITS = ["read_await_ms", "write_await_ms", "discard_await_ms"] as const;

/**
 * All directions together. Their parts come first: `iostat -x` prints those, and a sum that stands beside them in the row
 * was counted by the kernel at another moment. Where only the sum is printed (`tps` of macOS), it is shown.
 */
function together(get: (field: string) => number, whole: string, parts: readonly string[]): number {
  const added = sum(get, parts);
  return Number.isNaN(added) ? get(whole) : added;
}

function awaitMs(get: (field: string) => number): number {
  const requests = sum(get, RATES);
  if (Number.isNaN(requests) || AWAITS.every((name) => Number.isNaN(get(name)))) return get("await_ms");
  if (requests === 0) return 0;
  return RATES.reduce((all, rate, i) => all + known(get(rate)) * known(get(AWAITS[i]!)), 0) / requests;
}

function requestKb(get: (field: string) => number): number {
  const requests = sum(get, RATES);
  if (Number.isNaN(requests)) return get("request_bytes") / KB;
  return requests === 0 ? 0 : sum(get, BYTES) / requests / KB;
}

const SHORT: Definition[] = [
  { head: "tps", title: "requests a second", value: (get) => together(get, "transfers_per_s", RATES) },
  { head: "kB/s", title: "kB (1,024 bytes) a second", value: (get) => together(get, "bytes_per_s", BYTES) / KB },
  { head: "rqm/s", title: "merged requests a second", value: (get) => together(get, "merges_per_s", MERGES) },
  { head: "await", title: "ms from queueing to served", value: awaitMs },
  { head: "areq-sz", title: "kB a request", value: requestKb },
  { head: "aqu-sz", title: "requests in the queue", value: field("queue_depth") },
  { head: "%util", title: "time with a request under way", value: field("util_pct") },
];

function direction(letter: string, name: string, verb: string): Definition[] {
  return [
    { head: `${letter}/s`, title: `${verb} a second`, value: field(`${name}s_per_s`) },
    { head: `${letter}kB/s`, title: `kB (1,024 bytes) a second, ${verb}`, value: field(`${name}_bytes_per_s`, KB) },
    { head: `${letter}rqm/s`, title: `merged ${verb} a second`, value: field(`${name}_merges_per_s`) },
    { head: `%${letter}rqm`, title: `share of ${verb} that were merged`, value: field(`${name}_merge_pct`) },
    { head: `${letter}_await`, title: `ms from queueing to served, ${verb}`, value: field(`${name}_await_ms`) },
    { head: `${letter}areq-sz`, title: `kB a request, ${verb}`, value: field(`${name}_request_bytes`, KB) },
  ];
}

const LONG: Definition[] = [
  ...direction("r", "read", "reads"),
  ...direction("w", "write", "writes"),
  ...direction("d", "discard", "discards"),
  { head: "f/s", title: "flushes a second", value: field("flushes_per_s") },
  { head: "f_await", title: "ms a flush takes", value: field("flush_await_ms") },
  { head: "aqu-sz", title: "requests in the queue", value: field("queue_depth") },
  { head: "%util", title: "time with a request under way", value: field("util_pct") },
];

const CPU: [head: string, series: string][] = [
  ["%user", "cpu.user_pct"],
  ["%nice", "cpu.nice_pct"],
  ["%system", "cpu.system_pct"],
  ["%iowait", "cpu.iowait_pct"],
  ["%steal", "cpu.steal_pct"],
  ["%idle", "cpu.idle_pct"],
];

export function cpuTable(get: Lookup): { head: string; value: number }[] {
  return CPU.map(([head, series]) => ({ head, value: get(series) }));
}

/** The devices that series are about, in the order in which they were announced: iostat's own. */
export function devicesIn(names: readonly string[]): string[] {
  const devices = new Set<string>();
  for (const name of names) {
    const device = /^disk\.[a-z0-9_]+\[(.+)\]$/.exec(name)?.[1];
    if (device !== undefined) devices.add(device);
  }
  return [...devices];
}

export function diskTable(devices: readonly string[], get: Lookup, long: boolean): Table {
  const definitions = long ? LONG : SHORT;
  const rows = devices
    .map((device) => ({
      device,
      cells: definitions.map((column) => column.value((name) => get(`disk.${name}[${device}]`))),
    }))
    .filter((row) => row.cells.some((cell) => !Number.isNaN(cell)));
  const there = definitions.map((_, i) => rows.some((row) => !Number.isNaN(row.cells[i]!)));
  return {
    columns: definitions.filter((_, i) => there[i]),
    rows: rows.map((row) => ({ device: row.device, cells: row.cells.filter((_, i) => there[i]) })),
  };
}

/** Two decimals, as iostat prints; a dash for what is not known. */
export function twoDecimals(value: number): string {
  return Number.isNaN(value) ? "—" : value.toFixed(2);
}

/** The table as plain text, as a terminal would show it: for the clipboard. */
export function asText(cpu: readonly { head: string; value: number }[], table: Table): string {
  const cells = [
    ["Device", ...table.columns.map((column) => column.head)],
    ...table.rows.map((row) => [row.device, ...row.cells.map(twoDecimals)]),
  ];
  const widths = cells[0]!.map((_, i) => Math.max(...cells.map((row) => row[i]!.length)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[i]!)))
      .join("  ")
      .trimEnd();
  const head = `avg-cpu:  ${cpu.map(({ head }) => head.padStart(8)).join("")}`;
  const values = `          ${cpu.map(({ value }) => twoDecimals(value).padStart(8)).join("")}`;
  return `${[head, values, "", ...cells.map(line)].join("\n")}\n`;
}
