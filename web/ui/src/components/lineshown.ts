/**
 * What one row of a log pane shows: a line, a detail of an opened one, or a gap with its reason.
 *
 * In: a row, and how the pane looks at rows (`Look`). Out: a `Shown` for the pool of nodes; equal keys look equal.
 */
import { byHostClock, clock, clockMs, type Zone } from "../format/age";
import type { Marker } from "../logs/pattern";
import { pieces } from "../logs/render";
import type { GapRow, LineRow } from "../logs/tail";
import type { Detail } from "../logs/view";
import { gapText } from "./gaptext";
import { hostColour } from "./hostcolour";
import type { Shown } from "./linepool";

export interface Look {
  nameOf: (host: number) => string;
  marker: Marker;
  zone: Zone;
  showHost: boolean;
  showFile: boolean;
  /** Files by their last name only, without ending. */
  shortFile: boolean;
  /** Time, level and message only. */
  compact: boolean;
  /** Characters in a row; 0: lines are not wrapped. */
  columns: number;
  /** The second whose lines are marked. */
  secondMs: number | null;
  current: LineRow | null;
  /** Lines that recede. */
  dim: ((row: LineRow) => boolean) | undefined;
  /** A value of a field can become a search. */
  canAsk: boolean;
  /** A gap can be filled. */
  canFill: boolean;
}

const EMPTY: Shown = {
  key: "",
  kind: "line",
  className: "ll",
  time: "",
  host: "",
  hostColour: "",
  file: "",
  level: "",
  pieces: [],
  data: {},
  fold: "",
  action: "",
  title: "",
  timeTitle: "",
};

export function lineShown(row: LineRow, isOpen: boolean, look: Look): Shown {
  const { columns, compact, marker, nameOf, shortFile, showFile, showHost, zone } = look;
  const flags = flagsOf(row, look);
  const frames = row.folded?.length ?? 0;
  const last = row.folded?.at(-1)?.text ?? "";
  // The last line of a traceback says what went wrong: it stands beside the first while the rest is folded.
  const summary = frames > 0 && /^\S/.test(last) && /Traceback/.test(row.text) ? ` ${last}` : "";
  const text = columns > 0 ? plain(row).slice(0, columns) : row.text + (isOpen ? "" : summary);
  const name = nameOf(row.host);
  return {
    ...EMPTY,
    key: `${zone} ${row.id} ${row.text.length} ${frames} ${isOpen} ${columns} ${compact} ${shortFile} ${showFile} ${showHost} ${marker.source} ${name}${flags}`,
    className: `ll ${row.level}${flags}`,
    time: compact ? clock(row.timeMs, zone) : clockMs(row.timeMs, zone),
    host: showHost ? name : "",
    hostColour: showHost ? hostColour(name) : "",
    file: showFile ? (shortFile ? shortened(row.path) : lastName(row.path)) : "",
    level: row.word || "—",
    pieces: pieces(text, marker),
    data: {
      row: "",
      testid: "line",
      host: name,
      offset: String(row.offset),
      level: row.level,
      path: row.path,
    },
    fold: frames > 0 && columns === 0 ? `${isOpen ? "▾" : "▸"} ${frames} ${frames === 1 ? "line" : "lines"}` : "",
    title: row.path,
    timeTitle: byHostClock(row.timeMs, row.rawMs, zone),
  };
}

/** Part `part` of a line: a field of its JSON, a frame of its trace, or what did not fit its first row. */
export function detailShown(row: LineRow, part: number, detail: Detail, look: Look): Shown {
  const { columns, marker } = look;
  const flags = flagsOf(row, look);
  return {
    ...EMPTY,
    key: `${row.id}.${part}.${columns}.${marker.source}${flags}`,
    kind: "detail",
    className: `ll ${row.level} det${detail.kind === "wrapped" ? " wrapped" : ""}${flags}`,
    data: { row: "", detail: detail.kind },
    pieces:
      detail.kind === "field"
        ? [
            { text: detail.field.key, style: "f-key", mark: false },
            ...pieces(detail.field.value, marker),
            ...(detail.field.kind === "string" && look.canAsk
              ? [{ text: "  all lines with this value", style: "f-ask", mark: false }]
              : []),
          ]
        : detail.kind === "frame"
          ? pieces(detail.text, marker)
          : [{ text: plain(row).slice(detail.from, detail.from + columns), style: "", mark: false }],
  };
}

export function gapShown(gap: GapRow, { nameOf, zone, canFill }: Look): Shown {
  const { text, action } = gapText(gap, nameOf, zone);
  return {
    ...EMPTY,
    key: `gap ${gap.id} ${text}`,
    kind: "gap",
    className: "ll gap",
    data: { row: "", testid: "gap", why: gap.why, host: nameOf(gap.host) },
    pieces: [{ text, style: "", mark: false }],
    action: canFill ? action : "",
  };
}

function flagsOf(row: LineRow, { current, dim, secondMs }: Look): string {
  const isSecond = secondMs !== null && row.timeMs >= secondMs && row.timeMs < secondMs + 1_000;
  return `${isSecond ? " sec" : ""}${current?.id === row.id ? " cur" : ""}${row.partial ? " part" : ""}${dim?.(row) ? " dim" : ""}`;
}

const NO_MARKS = { source: "", marks: () => [], test: () => false } as unknown as Marker;
/** The line without its colours. */
const plain = (row: LineRow): string =>
  pieces(row.text, NO_MARKS)
    .map((piece) => piece.text)
    .join("");

const lastName = (path: string): string => path.slice(path.lastIndexOf("/") + 1) || path;
const shortened = (path: string): string => lastName(path).replace(/\.(?:log|txt|out)(?:\.\d+)?$/, "");
