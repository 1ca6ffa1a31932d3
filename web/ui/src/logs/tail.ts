/**
 * The lines that the page keeps: merged from all hosts and files, in corrected time order, bounded.
 *
 * In: batches of lines and gaps in the order of their arrival. Out: `rows`, oldest first, which never change while
 * `held`; what arrives meanwhile waits, is counted in `newLines`, and joins at `release`. A line is known by host,
 * stream and the offset of its first byte: it stands once, however often it comes. A line that was shown before its
 * end was written is replaced in its place by the whole. Lines of one file keep the order of their offsets, whatever
 * a clock does. When more than `limit` lines have come, the oldest go.
 *
 * Nothing here knows the screen, the clock or the socket.
 */
import { withoutColours } from "./ansi";
import { type Level, levelOf } from "./levels";
import { StackFolder } from "./stack";

export type GapWhy = "slow-reader" | "agent-away" | "file-gone" | "truncated" | "retention" | "sampled" | "held";

/** One line. `offset` in bytes from the start of its file; times in ms since 1970, UTC, corrected by the host's clock. */
export interface LineRow {
  kind: "line";
  id: number;
  host: number;
  stream: number;
  path: string;
  offset: number;
  timeMs: number;
  /** The same moment by the host's own clock; NaN: not said. */
  rawMs: number;
  /** The bytes as text, undecodable ones replaced; without the line end. */
  text: string;
  /** The end of the line has not been written yet. */
  partial: boolean;
  level: Level;
  word: string;
  /** The lines of a stack trace that follow, folded into this one. */
  folded: LineRow[] | null;
}

export interface GapRow {
  kind: "gap";
  id: number;
  host: number;
  stream: number;
  path: string;
  fromMs: number;
  toMs: number;
  lines: number | null;
  bytes: number | null;
  why: GapWhy;
}

export type Row = LineRow | GapRow;

export interface Batch {
  host: number;
  stream: number;
  path: string;
  timeMs: number;
  rawMs?: number;
  lines: readonly (readonly [offset: number, bytes: Uint8Array])[];
  partial?: boolean;
}

export type NewGap = Omit<GapRow, "kind" | "id">;

/** What `add` hands on: each line that was new, for counts and histograms. */
export type Seen = (line: LineRow) => void;

// Lines of one trace are written in one go; a later indented line is its own.
const FOLD_WITHIN_MS = 1_000;
// A trace longer than this goes on as lines of its own, so that one file cannot fill the page unseen.
const FOLD_LINES = 500;

interface StreamState {
  byOffset: Map<number, LineRow>;
  folder: StackFolder;
  last: LineRow | null;
  /** Order never falls inside one file. */
  newestMs: number;
  newestOffset: number;
}

export class Tail {
  rows: Row[] = [];
  /** Counts every change of `rows` or of a row in it. */
  version = 0;
  held = false;
  /** Lines that arrived since `hold`. */
  newLines = 0;
  /** Lines that are in `rows`, folded ones included. */
  kept = 0;

  #waiting: Row[] = [];
  #waitingLines = 0;
  #waitingDropped = 0;
  #waitingDroppedFrom = 0;
  #waitingDroppedTo = 0;
  #streams = new Map<string, StreamState>();
  #nextId = 1;
  /** Rows of the batch that is being read, not placed yet. */
  #fresh: LineRow[] = [];
  readonly #decoder = new TextDecoder();

  constructor(readonly limit = 5_000) {}

  add(batch: Batch, seen?: Seen): void {
    const stream = this.#stream(batch.host, batch.stream, batch.path);
    this.#fresh = [];
    for (const [offset, bytes] of batch.lines) this.#addLine(stream, batch, offset, this.#text(bytes), seen);
    this.#placeRun(this.#fresh);
    this.#trim();
  }

  /** Lines of history that are older than what is kept; the newest first or last does not matter. */
  addOlder(lines: readonly Omit<LineRow, "kind" | "id" | "level" | "word" | "folded" | "partial">[]): number {
    const before = this.kept;
    const older: LineRow[] = [];
    for (const line of lines) {
      const stream = this.#stream(line.host, line.stream, line.path);
      if (stream.byOffset.get(line.offset)?.text === line.text) continue;
      const row: LineRow = {
        ...line,
        kind: "line",
        id: this.#nextId++,
        partial: false,
        ...levelOf(withoutColours(line.text)),
        folded: null,
      };
      if (!stream.byOffset.has(line.offset)) stream.byOffset.set(line.offset, row);
      older.push(row);
    }
    older.sort((a, b) => a.timeMs - b.timeMs || a.host - b.host || a.stream - b.stream || a.offset - b.offset);
    this.rows = mergeSorted(foldAll(older), this.rows);
    this.kept += older.length;
    this.version++;
    const added = this.kept - before;
    this.#trim();
    return added;
  }

  addGap(gap: NewGap): void {
    const state = this.#streams.get(streamKey(gap.host, gap.stream, gap.path));
    state?.folder.reset();
    this.#place({ ...gap, kind: "gap", id: this.#nextId++ });
  }

  hold(): void {
    this.held = true;
  }

  /** Let the lines that waited in. */
  release(): void {
    if (!this.held) return;
    this.held = false;
    const waiting = this.#waiting;
    if (this.#waitingDropped > 0) {
      waiting.unshift({
        kind: "gap",
        id: this.#nextId++,
        host: -1,
        stream: -1,
        path: "",
        fromMs: this.#waitingDroppedFrom,
        toMs: this.#waitingDroppedTo,
        lines: this.#waitingDropped,
        bytes: null,
        why: "held",
      });
    }
    this.#waiting = [];
    this.#waitingLines = this.#waitingDropped = this.newLines = 0;
    if (waiting.length === 0) return;
    for (const row of waiting) {
      insertInOrder(this.rows, row);
      this.kept += linesIn(row);
    }
    this.version++;
    this.#trim();
  }

  clear(): void {
    this.rows = [];
    this.#waiting = [];
    this.#streams.clear();
    this.#waitingLines = this.#waitingDropped = this.newLines = this.kept = 0;
    this.held = false;
    this.version++;
  }

  /** Take a gap row out: it has been filled. */
  removeGap(id: number): void {
    this.rows = this.rows.filter((row) => row.kind !== "gap" || row.id !== id);
    this.version++;
  }

  find(host: number, path: string, offset: number): LineRow | undefined {
    for (const row of this.rows) {
      if (row.kind !== "line" || row.host !== host || row.path !== path) continue;
      if (row.offset === offset || row.folded?.some((line) => line.offset === offset)) return row;
    }
    return undefined;
  }

  #text(bytes: Uint8Array): string {
    let end = bytes.length;
    if (end > 0 && bytes[end - 1] === 10) end--;
    if (end > 0 && end < bytes.length && bytes[end - 1] === 13) end--;
    return this.#decoder.decode(end === bytes.length ? bytes : bytes.subarray(0, end));
  }

  #addLine(stream: StreamState, batch: Batch, offset: number, text: string, seen?: Seen): void {
    const partial = batch.partial === true;
    const known = stream.byOffset.get(offset);
    if (known) {
      if (known.text === text) {
        if (known.partial && !partial) this.#complete(known);
        return;
      }
      if (known.partial || text.startsWith(known.text)) {
        known.text = text;
        known.partial = partial;
        Object.assign(known, levelOf(withoutColours(text)));
        this.version++;
        return;
      }
      // Another line at the same place: the path names a new file. The old file's lines stay, and are known no more.
      stream.byOffset.clear();
      stream.folder.reset();
      stream.newestOffset = -1;
    }
    if (offset < stream.newestOffset && offset === 0) {
      // A file began anew, and its old first line is no longer kept.
      stream.byOffset.clear();
      stream.folder.reset();
      stream.newestOffset = -1;
    }
    const inOrder = offset > stream.newestOffset;
    const timeMs = inOrder ? Math.max(batch.timeMs, stream.newestMs) : batch.timeMs;
    const row: LineRow = {
      kind: "line",
      id: this.#nextId++,
      host: batch.host,
      stream: batch.stream,
      path: batch.path,
      offset,
      timeMs,
      rawMs: batch.rawMs ?? Number.NaN,
      text,
      partial,
      ...levelOf(withoutColours(text)),
      folded: null,
    };
    stream.byOffset.set(offset, row);
    if (inOrder) {
      stream.newestOffset = offset;
      stream.newestMs = timeMs;
    }
    seen?.(row);
    if (this.held) this.newLines++;
    const head = stream.last;
    const close = head !== null && timeMs - head.timeMs <= FOLD_WITHIN_MS && inOrder;
    if (!close) stream.folder.reset();
    if (stream.folder.continues(text) && head && close && (head.folded?.length ?? 0) < FOLD_LINES) {
      head.folded ??= [];
      head.folded.push(row);
      // A head of this batch is counted with what is folded into it when it is placed.
      if (this.#fresh.at(-1) !== head) {
        if (this.#waiting.length > 0 && this.#waiting.includes(head)) this.#waitingLines++;
        else this.kept++;
      }
      this.version++;
      return;
    }
    stream.last = row;
    this.#fresh.push(row);
  }

  #complete(row: LineRow): void {
    row.partial = false;
    this.version++;
  }

  /** The rows of one batch, which stand together nearly always: one place for all of them, and one move of the rest. */
  #placeRun(run: LineRow[]): void {
    const into = this.held ? this.#waiting : this.rows;
    insertRun(into, run);
    const lines = run.reduce((sum, row) => sum + linesIn(row), 0);
    if (this.held) {
      this.#waitingLines += lines;
      this.#trimWaiting();
    } else if (run.length > 0) {
      this.kept += lines;
      this.version++;
    }
  }

  #place(row: Row): void {
    if (this.held) {
      insertInOrder(this.#waiting, row);
      this.#waitingLines += linesIn(row);
      this.#trimWaiting();
      return;
    }
    insertInOrder(this.rows, row);
    this.kept += linesIn(row);
    this.version++;
  }

  #trimWaiting(): void {
    if (this.#waitingLines <= this.limit + this.limit / 8) return;
    let drop = 0;
    while (drop < this.#waiting.length && this.#waitingLines > this.limit) {
      const row = this.#waiting[drop++]!;
      const lines = linesIn(row);
      const at = row.kind === "line" ? row.timeMs : row.fromMs;
      if (this.#waitingDropped === 0) this.#waitingDroppedFrom = at;
      this.#waitingDroppedTo = at;
      this.#waitingLines -= lines;
      this.#waitingDropped += lines;
      this.#forget(row);
    }
    this.#waiting.splice(0, drop);
  }

  #trim(): void {
    // A few more than the limit, so that five thousand rows do not move for each single line.
    if (this.held || this.kept <= this.limit + (this.limit >> 5)) return;
    let drop = 0;
    while (drop < this.rows.length - 1 && this.kept > this.limit) {
      const row = this.rows[drop++]!;
      this.kept -= linesIn(row);
      this.#forget(row);
    }
    this.rows.splice(0, drop);
    this.version++;
  }

  #forget(row: Row): void {
    if (row.kind !== "line") return;
    const stream = this.#streams.get(streamKey(row.host, row.stream, row.path));
    if (!stream) return;
    for (const line of [row, ...(row.folded ?? [])]) {
      if (stream.byOffset.get(line.offset) === line) stream.byOffset.delete(line.offset);
    }
    if (stream.last === row) stream.last = null;
  }

  #stream(host: number, stream: number, path: string): StreamState {
    const key = streamKey(host, stream, path);
    let state = this.#streams.get(key);
    if (!state) {
      state = {
        byOffset: new Map(),
        folder: new StackFolder(),
        last: null,
        newestMs: Number.NEGATIVE_INFINITY,
        newestOffset: -1,
      };
      this.#streams.set(key, state);
    }
    return state;
  }
}

function streamKey(host: number, stream: number, path: string): string {
  return `${host}\n${stream}\n${path}`;
}

function linesIn(row: Row): number {
  return row.kind === "line" ? 1 + (row.folded?.length ?? 0) : 0;
}

function orderOf(row: Row): number {
  return row.kind === "line" ? row.timeMs : row.toMs;
}

/** Nearly all rows go to the end; a late one finds its place by halves. */
function insertInOrder(rows: Row[], row: Row): void {
  const at = placeOf(rows, orderOf(row));
  if (at === rows.length) rows.push(row);
  else rows.splice(at, 0, row);
}

/** Put rows that are in order among themselves in; together where nothing stands between them. */
function insertRun(rows: Row[], run: readonly Row[]): void {
  if (run.length === 0) return;
  const at = placeOf(rows, orderOf(run[0]!));
  if (at < rows.length && orderOf(run.at(-1)!) >= orderOf(rows[at]!)) {
    for (const row of run) insertInOrder(rows, row);
    return;
  }
  // One by one: a batch of empty lines has more of them than a call takes arguments.
  const later = rows.splice(at);
  for (const row of run) rows.push(row);
  for (const row of later) rows.push(row);
}

/** Behind the last row that is not later than a moment. */
function placeOf(rows: readonly Row[], ms: number): number {
  let low = 0;
  let high = rows.length;
  if (high === 0 || orderOf(rows[high - 1]!) <= ms) return high;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (orderOf(rows[middle]!) <= ms) low = middle + 1;
    else high = middle;
  }
  return low;
}

function mergeSorted(a: Row[], b: Row[]): Row[] {
  const merged: Row[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length && j < b.length) merged.push(orderOf(a[i]!) <= orderOf(b[j]!) ? a[i++]! : b[j++]!);
  while (i < a.length) merged.push(a[i++]!);
  while (j < b.length) merged.push(b[j++]!);
  return merged;
}

function foldAll(lines: LineRow[]): LineRow[] {
  const folders = new Map<string, { folder: StackFolder; head: LineRow }>();
  const heads: LineRow[] = [];
  for (const line of lines) {
    const key = streamKey(line.host, line.stream, line.path);
    const state = folders.get(key) ?? { folder: new StackFolder(), head: line };
    folders.set(key, state);
    if (line.timeMs - state.head.timeMs > FOLD_WITHIN_MS) state.folder.reset();
    if (state.folder.continues(line.text) && state.head !== line) {
      state.head.folded ??= [];
      state.head.folded.push(line);
      continue;
    }
    state.head = line;
    heads.push(line);
  }
  return heads;
}
