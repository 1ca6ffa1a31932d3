/**
 * The URL is the state: parse, print, round trip. This is the one module that knows its keys (ui.md section 7).
 *
 * Pages are single path segments (`logs?...`), so that relative addresses work on every page and below any path prefix.
 * What cannot be read is left out, as if it had not been said: a link never breaks the page.
 *
 * In: a path and a query string. Out: a `Place`; and the other way round. No history, no window: that is `route.svelte.ts`.
 */

export const PAGES = ["fleet", "compare", "logs", "hosts", "host"] as const;
export type Page = (typeof PAGES)[number];

export const FLEET_VIEWS = ["table", "heatmap", "grid"] as const;
export type FleetView = (typeof FLEET_VIEWS)[number];

export const STATES = ["live", "late", "lost", "left"] as const;

export const LEVELS = ["fatal", "error", "warn", "info", "debug", "other"] as const;
export type Level = (typeof LEVELS)[number];

/** A link to one line: the host's name, the file and the offset of its first byte. */
export interface LineRef {
  host: string;
  path: string;
  offset: number;
}

/** Everything that a reload, a colleague or Back must see again. Times in ms since 1970, UTC. */
export interface Place {
  page: Page;
  /** The name, or the agent id, of the host of page `host`. */
  host: string;
  /** The host filter; empty: everyone. */
  hosts: string;
  /** Width of the live window, `5m`. Ignored while `from` is set. */
  span: string;
  from: number | null;
  to: number | null;
  /** The pinned second. */
  at: number | null;
  view: FleetView;
  /** Only hosts of this state; null: all. */
  state: (typeof STATES)[number] | null;
  /** A label's key, or empty. */
  group: string;
  /** A column, with `-` in front for the largest first. */
  sort: string;
  metric: string;
  match: string;
  not: string;
  /** The levels shown; null: all. */
  levels: readonly Level[] | null;
  line: LineRef | null;
  /** Hosts of the comparison that the reader chose, by name or agent id. */
  focus: readonly string[];
  /** A glob over file paths, or empty. */
  path: string;
  /** Files that are left out of the picture. */
  notPaths: readonly string[];
  theme: "dark" | "light" | null;
  /** A wall display: goes on drawing when hidden, and hides the bars. */
  wall: boolean;
}

export const SPANS = ["5m", "15m", "1h", "6h", "24h", "7d"] as const;
const DEFAULT_SPAN = "5m";
const UNIT_MS: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A span such as `90s`, `5m` or `7d` in ms; null if it is none. */
export function spanMs(text: string): number | null {
  const found = /^(\d{1,6})([smhd])$/.exec(text);
  if (!found) return null;
  const ms = Number(found[1]) * (UNIT_MS[found[2] ?? ""] ?? 0);
  return ms > 0 ? ms : null;
}

/** A moment as people and links write it: epoch ms, or ISO 8601; null if it is none. */
export function parseMoment(text: string): number | null {
  if (/^\d{1,16}$/.test(text)) return Number(text);
  if (!/^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:?\d{2})?)?$/.test(text)) return null;
  // Without a zone it is UTC, as everywhere in a link: a colleague elsewhere must see the same.
  const zoned = /(Z|[+-]\d{2}:?\d{2})$/.test(text) || text.length === 10 ? text : `${text}Z`;
  const ms = Date.parse(zoned.replace(" ", "T"));
  return Number.isNaN(ms) ? null : ms;
}

/** A moment for a link: readable, in UTC, with ms only where they say something. */
export function printMoment(ms: number): string {
  return new Date(ms).toISOString().replace(".000Z", "Z");
}

export const HOME: Place = {
  page: "fleet",
  host: "",
  hosts: "",
  span: DEFAULT_SPAN,
  from: null,
  to: null,
  at: null,
  view: "table",
  state: null,
  group: "",
  sort: "",
  metric: "",
  match: "",
  not: "",
  levels: null,
  line: null,
  focus: [],
  path: "",
  notPaths: [],
  theme: null,
  wall: false,
};

// A link stays shorter than what servers and chats cut.
const NOT_PATHS = 20;

/** Read a place. `path` is what follows the prefix, without a leading slash. */
export function parsePlace(path: string, query: string): Place {
  const q = new URLSearchParams(query);
  const text = (key: string): string => q.get(key) ?? "";
  const moment = (key: string): number | null => parseMoment(text(key));
  const [segment = "", ...below] = path
    .replace(/\/+$/, "")
    .replace(/\.html$/, "")
    .split("/");
  const from = moment("from");
  const to = moment("to");
  const ordered = from === null || to === null || from < to;
  const levels = text("levels")
    .split(",")
    .filter((level): level is Level => (LEVELS as readonly string[]).includes(level));
  const theme = text("theme");
  return {
    page: oneOf(PAGES, segment, "fleet"),
    // `host/db-03` is how people write it by hand.
    host: text("host") || decoded(below.join("/")),
    hosts: text("hosts"),
    span: spanMs(text("span")) === null ? DEFAULT_SPAN : text("span"),
    from: ordered ? from : null,
    to: ordered && from !== null ? to : null,
    at: moment("at"),
    view: oneOf(FLEET_VIEWS, text("view"), "table"),
    state: STATES.find((state) => state === text("state")) ?? null,
    group: text("group"),
    sort: text("sort"),
    metric: text("metric"),
    match: text("match"),
    not: text("not"),
    levels: levels.length === 0 ? null : levels,
    line: parseLine(text("line")),
    focus: q.getAll("focus").slice(0, 20),
    path: text("path"),
    notPaths: q.getAll("notpath").slice(0, NOT_PATHS),
    theme: theme === "dark" || theme === "light" ? theme : null,
    wall: text("wall") === "1",
  };
}

/** Print a place as `segment?query`, relative to the prefix; what has its usual value is left out. */
export function printPlace(place: Place): string {
  const q = new URLSearchParams();
  const put = (key: string, value: string | null, usual = ""): void => {
    if (value !== null && value !== usual) q.set(key, value);
  };
  if (place.page === "host") put("host", place.host);
  put("hosts", place.hosts);
  if (place.from === null) put("span", place.span, DEFAULT_SPAN);
  else {
    put("from", printMoment(place.from));
    if (place.to !== null) put("to", printMoment(place.to));
  }
  if (place.at !== null) put("at", printMoment(place.at));
  put("view", place.view, "table");
  put("state", place.state);
  put("group", place.group);
  put("sort", place.sort);
  put("metric", place.metric);
  put("match", place.match);
  put("not", place.not);
  if (place.page === "compare") for (const name of place.focus) q.append("focus", name);
  put("path", place.path);
  for (const path of place.notPaths) q.append("notpath", path);
  put("levels", place.levels?.join(",") ?? null);
  if (place.line) put("line", `${place.line.host}:${place.line.offset}:${place.line.path}`);
  put("theme", place.theme);
  put("wall", place.wall ? "1" : "");
  // Readable where it is safe: a filter is typed and read by people.
  const query = q.toString().replace(/%3D/g, "=").replace(/%2F/g, "/").replace(/%3A/g, ":").replace(/%2C/g, ",");
  const segment = place.page === "fleet" ? "./" : place.page;
  return query ? `${segment}?${query}` : segment;
}

/** The path below which the dashboard is served, with its slashes; `base` is the document's own base address. */
export function prefixOf(base: string): string {
  return new URL(".", base).pathname;
}

function parseLine(text: string): LineRef | null {
  const found = /^([^:]*):(\d{1,16}):(.+)$/s.exec(text);
  return found ? { host: found[1] ?? "", offset: Number(found[2]), path: found[3] ?? "" } : null;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function oneOf<T extends string>(all: readonly T[], text: string, usual: T): T {
  return all.find((one) => one === text) ?? usual;
}
