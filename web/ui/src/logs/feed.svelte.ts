/**
 * Lines for a page: live ones through the socket, older ones by search, counted and kept.
 *
 * One feed answers one question (hosts, file, patterns, range). Hosts get numbers of our own, because the hub numbers
 * them anew after a restart, and a line must be known again by then.
 */
import { ask } from "../live/ask";
import { hub } from "../live/hub.svelte";
import type { Batch, GapMessage, HostMap } from "../protocol/messages";
import { withoutColours } from "./ansi";
import { filterOf } from "./filter";
import { Histogram } from "./histogram";
import { LEVELS, type Level, levelOf } from "./levels";
import { Rates } from "./rates";
import { type GapRow, type LineRow, Tail } from "./tail";

export interface LogsQuestion {
  hosts: string;
  /** A glob over paths; empty: all files. */
  path: string;
  match: string;
  exclude: string;
  /** null: follow the present. */
  range: { fromMs: number; toMs: number } | null;
  /** How far back the first search goes while following. */
  backMs: number;
  /** Above this rate the hub sends a sample, and exact counts. */
  maxLinesPerS: number;
  /** Only this host's lines, where the filter may match others. */
  agentId?: string | undefined;
}

export interface LogAnswer {
  lines: {
    host: number;
    name: string;
    stream: number;
    path: string;
    time_ms: number;
    raw_ms: number;
    offset: number;
    text: string;
  }[];
  next: string | null;
  searched_to_ms: number;
  gaps?: Omit<GapMessage, "op" | "ch">[];
}

// A page of the search; the most that the API gives at once.
const PAGE_LINES = 10_000;
const OLDER_LINES = 1_000;
// The window's histogram is counted from so many pages; what lies before is drawn as not searched.
const COUNTED_PAGES = 6;
// What a log subscription brings at once, before the search answers.
const FIRST_LINES = 200;
// A link without a time is looked for among so many pages of its file's newest lines.
const LOCATE_PAGES = 5;
// A sample is named as such for a little longer than the second that it was made in.
const SAMPLED_FOR_MS = 3_000;

export class LogFeed {
  readonly tail = new Tail();
  readonly histogram = new Histogram();
  readonly byHost = new Rates();
  readonly byFile = new Rates();
  /** The search has looked back to here; NaN before its first answer. */
  searchedBackMs = $state(Number.NaN);
  /** There is more to load in the range. */
  hasOlder = $state(false);
  isLoading = $state(false);
  /** What the hub said is wrong with the question. */
  problem = $state("");
  /** One of so many lines was sent; 1: all. */
  oneIn = $state(1);
  /** Lines a second that match, measured over the last seconds. */
  ratePerS = $state(0);
  newestMs = Number.NaN;

  #question: LogsQuestion | null = null;
  /** Hosts that it was about are gone. */
  #isOld = false;
  #end: (() => void) | null = null;
  #abort: AbortController | null = null;
  #names = new Map<number, string>();
  #ids = new Map<string, number>();
  #byNumber = new Map<number, number>();
  #made = 0;
  /** Lines that came live while the first search was under way: not to be counted twice. */
  #live: Set<string> | null = null;
  #arrived: [second: number, lines: number][] = [];
  #exactPerS: { atMs: number; lines: number } | null = null;

  constructor(private readonly changed: () => void) {}

  nameOf = (host: number): string => this.#names.get(host) ?? (host < 0 ? "" : `host ${host}`);

  /** Our number of a host, by its name, for links to lines. */
  hostByName(name: string): number | undefined {
    for (const [id, known] of this.#names) if (known === name) return id;
    return undefined;
  }

  start(question: LogsQuestion): void {
    this.stop();
    this.#question = question;
    this.#isOld = false;
    this.tail.clear();
    this.histogram.clear();
    this.byHost.clear();
    this.byFile.clear();
    this.problem = "";
    this.searchedBackMs = Number.NaN;
    this.hasOlder = false;
    this.oneIn = 1;
    this.ratePerS = 0;
    this.#arrived = [];
    this.#exactPerS = null;
    this.#live = new Set();
    if (question.range === null) this.#follow(question);
    void this.#search(question);
    this.changed();
  }

  stop(): void {
    this.#end?.();
    this.#end = null;
    this.#abort?.abort();
    this.#abort = null;
  }

  /** Measure the rate and forget that lines were sampled; call a few times a second. */
  tick(nowMs: number): void {
    // Asked anew as a whole, since counts and histogram change too; not under somebody who reads.
    if (this.#isOld && !this.tail.held && this.#question) {
      this.start(this.#question);
      return;
    }
    const second = Math.floor(nowMs / 1000);
    this.#arrived = this.#arrived.filter(([at]) => at > second - 6);
    const whole = this.#arrived.filter(([at]) => at < second);
    const exact = this.#exactPerS;
    const isSampled = exact !== null && nowMs - exact.atMs < SAMPLED_FOR_MS + 1_000;
    this.ratePerS = isSampled ? exact.lines : whole.reduce((sum, [, lines]) => sum + lines, 0) / 5;
    if (!isSampled && this.oneIn !== 1) {
      this.oneIn = 1;
    }
  }

  /** Lines older than the oldest that is kept, when the reader comes to the top. */
  async loadOlder(): Promise<void> {
    const question = this.#question;
    const oldest = this.tail.rows.find((row) => row.kind === "line");
    if (!question || this.isLoading || !this.hasOlder || !oldest || !this.tail.held) return;
    this.isLoading = true;
    const signal = this.#abort?.signal;
    try {
      const answer = await this.#ask(
        question,
        { from: question.range?.fromMs ?? null, to: Math.ceil(oldest.timeMs) + 1, limit: OLDER_LINES, cursor: null },
        signal,
      );
      if (signal?.aborted) return;
      const added = this.tail.addOlder(this.#rows(answer));
      if (answer.lines.length > 0) this.searchedBackMs = Math.min(this.searchedBackMs, answer.searched_to_ms);
      this.hasOlder = added > 0;
    } catch (error) {
      if (signal?.aborted) return;
      this.problem = error instanceof Error ? error.message : String(error);
    } finally {
      if (!signal?.aborted) {
        this.isLoading = false;
        this.changed();
      }
    }
  }

  /** Load what a gap says is missing. Answers how many lines came. */
  async fill(gap: GapRow): Promise<number> {
    const question = this.#question;
    if (!question) return 0;
    const name = filterOf(this.nameOf(gap.host));
    const answer = await ask<LogAnswer>("logs", {
      filter: gap.host >= 0 ? name : question.hosts,
      path: gap.path || question.path,
      match: question.match,
      exclude: question.exclude,
      from: Math.floor(gap.fromMs),
      to: Math.ceil(gap.toMs) + 1,
      limit: PAGE_LINES,
    });
    const added = this.tail.addOlder(this.#rows(answer));
    this.tail.removeGap(gap.id);
    this.changed();
    return added;
  }

  /** The lines of one file around one line, filters set aside. */
  async around(row: LineRow, lines: number): Promise<{ before: LineRow[]; after: LineRow[] }> {
    const one = { filter: filterOf(this.nameOf(row.host)), path: globOf(row.path), limit: 2_000 };
    const before = await ask<LogAnswer>("logs", { ...one, to: Math.ceil(row.timeMs) + 1, limit: lines + 500 });
    let after: LogAnswer = { lines: [], next: null, searched_to_ms: 0 };
    const now = hub.now();
    // The search goes backwards in time, so what follows a line is looked for in growing steps.
    for (const span of [2_000, 30_000, 600_000, 86_400_000]) {
      after = await ask<LogAnswer>("logs", { ...one, from: Math.floor(row.timeMs), to: Math.ceil(row.timeMs + span) });
      const later = after.lines.filter((line) => line.stream === row.stream && line.offset > row.offset);
      if (later.length >= lines || row.timeMs + span > now) break;
    }
    const make = (answer: LogAnswer) => {
      const scratch = new Tail(1e6);
      scratch.addOlder(this.#rows(answer).filter((line) => line.stream === row.stream));
      return scratch.rows
        .flatMap((found) => (found.kind === "line" ? [{ ...found, folded: null }, ...(found.folded ?? [])] : []))
        .sort((a, b) => a.timeMs - b.timeMs || a.offset - b.offset);
    };
    const isBefore = (line: LineRow) =>
      line.timeMs < row.timeMs || (line.timeMs === row.timeMs && line.offset < row.offset);
    const isAfter = (line: LineRow) =>
      line.timeMs > row.timeMs || (line.timeMs === row.timeMs && line.offset > row.offset);
    return { before: make(before).filter(isBefore).slice(-lines), after: make(after).filter(isAfter).slice(0, lines) };
  }

  /** Whether the hub can read the patterns of a question; its sentence if not. The lines of before stay meanwhile. */
  async check(match: string, exclude: string): Promise<string> {
    if (match === "" && exclude === "") return "";
    try {
      // Of no time in which anybody wrote: only the patterns are read. The hub's clock may not be known yet.
      await ask<LogAnswer>("logs", { filter: "*", match, exclude, from: 0, to: 1, limit: 1 });
      return "";
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  /** Find the line that a link means. */
  async locate(name: string, path: string, offset: number, atMs: number | null): Promise<LineRow | null> {
    const question = { filter: filterOf(name), path: globOf(path), limit: PAGE_LINES };
    const isIt = (line: LogAnswer["lines"][number]) =>
      line.offset === offset && line.path === path && line.name === name;
    let cursor: string | null = null;
    for (let page = 0; page < LOCATE_PAGES; page++) {
      const near = atMs === null ? {} : { from: Math.floor(atMs - 5_000), to: Math.ceil(atMs + 5_000) };
      const answer: LogAnswer = await ask<LogAnswer>("logs", { ...question, ...near, cursor });
      const found = answer.lines.find(isIt);
      if (found) {
        const scratch = new Tail(1e6);
        scratch.addOlder(this.#rows({ ...answer, lines: [found] }));
        const row = scratch.rows[0];
        return row?.kind === "line" ? row : null;
      }
      cursor = answer.next;
      if (cursor === null) return null;
    }
    return null;
  }

  #follow(question: LogsQuestion): void {
    let isFirst = true;
    this.#end = hub.subscribe(
      {
        hosts: question.hosts || "*",
        logs: {
          path: question.path || "*",
          match: question.match || null,
          exclude: question.exclude || null,
          max_lines_per_s: question.maxLinesPerS,
        },
        tail: FIRST_LINES,
      },
      {
        began: () => {
          // A hub that has restarted counts its hosts anew. At the first time the search may have been faster, and its
          // lines must be known again when they come once more.
          if (!isFirst) this.#byNumber.clear();
          isFirst = false;
        },
        hosts: (upsert, remove) => {
          this.#hosts(upsert);
          // Forgotten, or no longer of the filter: its lines are not of this answer any more.
          if (remove.length > 0) this.#isOld = true;
        },
        lines: (batches) => this.#lines(batches),
        gap: (gap) => this.#gap(gap),
        counts: (counts) => this.#counts(counts),
        failed: (message) => {
          this.problem = message;
        },
      },
    );
  }

  /** Look back over the window: the newest lines are kept, all of them are counted. */
  async #search(question: LogsQuestion): Promise<void> {
    const abort = new AbortController();
    this.#abort = abort;
    this.isLoading = true;
    this.hasOlder = true;
    const now = hub.now();
    const fromMs = question.range?.fromMs ?? (Number.isNaN(now) ? null : Math.floor(now - question.backMs));
    let cursor: string | null = null;
    try {
      for (let page = 0; page < COUNTED_PAGES; page++) {
        const answer: LogAnswer = await this.#ask(
          question,
          {
            from: fromMs ?? `-${Math.ceil(question.backMs / 1000)}s`,
            to: question.range?.toMs ?? null,
            limit: PAGE_LINES,
            cursor,
          },
          abort.signal,
        );
        if (abort.signal.aborted) return;
        const lines = this.#rows(answer).filter((line) => !this.#live?.has(lineKey(line)));
        for (const line of lines) this.#count({ ...line, level: levelOf(withoutColours(line.text)).level });
        if (page === 0) this.tail.addOlder(lines);
        for (const gap of answer.gaps ?? []) this.#gap(gap);
        // An answer without lines and without more behind it has looked at all that was asked.
        const back =
          answer.lines.length === 0 && answer.next === null ? (fromMs ?? answer.searched_to_ms) : answer.searched_to_ms;
        this.searchedBackMs = back;
        this.histogram.knownFromMs = Math.min(this.histogram.knownFromMs, back);
        this.changed();
        cursor = answer.next;
        if (cursor === null) break;
      }
    } catch (error) {
      if (abort.signal.aborted) return;
      this.problem = error instanceof Error ? error.message : String(error);
    } finally {
      if (!abort.signal.aborted) {
        this.isLoading = false;
        this.#live = null;
        this.changed();
      }
    }
  }

  #ask(
    question: LogsQuestion,
    range: { from: number | string | null; to: number | null; limit: number; cursor: string | null },
    signal?: AbortSignal,
  ): Promise<LogAnswer> {
    const { hosts, path, match, exclude } = question;
    return ask<LogAnswer>("logs", { filter: hosts || "*", path, match, exclude, ...range }, signal);
  }

  #rows(answer: LogAnswer) {
    const lines = answer.lines.filter((line) => !this.#isOther(this.#idOf(line.host, line.name)));
    return lines.map((line) => ({
      host: this.#idOf(line.host, line.name),
      stream: line.stream,
      path: line.path,
      offset: line.offset,
      timeMs: line.time_ms,
      rawMs: line.raw_ms,
      text: line.text,
    }));
  }

  #hosts(upsert: HostMap[]): void {
    for (const host of upsert) {
      let id = this.#ids.get(host.agent_id);
      if (id === undefined) {
        // A search may have met it before the hub introduced it.
        id = this.#byNumber.get(host.host) ?? this.#made++;
        this.#ids.set(host.agent_id, id);
      }
      this.#byNumber.set(host.host, id);
      this.#names.set(id, host.name);
    }
  }

  #idOf(number: number, name?: string): number {
    let id = this.#byNumber.get(number);
    if (id === undefined) {
      id = this.#made++;
      this.#byNumber.set(number, id);
    }
    if (name && !this.#names.has(id)) this.#names.set(id, name);
    return id;
  }

  /** A line of a host that the filter could not tell from the one that is asked about. */
  #isOther(id: number): boolean {
    const wanted = this.#question?.agentId;
    return wanted !== undefined && this.#ids.get(wanted) !== undefined && this.#ids.get(wanted) !== id;
  }

  #lines(batches: Batch[]): void {
    for (const batch of batches) {
      const id = this.#idOf(batch.host);
      if (this.#isOther(id)) continue;
      this.tail.add(
        {
          host: id,
          stream: batch.stream,
          path: batch.path,
          timeMs: batch.time_ms,
          rawMs: batch.raw_ms ?? Number.NaN,
          lines: batch.lines,
          ...(batch.partial ? { partial: true } : {}),
        },
        (line) => {
          this.#live?.add(lineKey(line));
          this.#count(line);
          this.#arrive(line.timeMs);
        },
      );
      if (!(batch.time_ms <= this.newestMs)) this.newestMs = batch.time_ms;
    }
    if (batches.length > 0) this.changed();
  }

  #count(line: Pick<LineRow, "host" | "path" | "timeMs" | "level">): void {
    this.histogram.add(line.timeMs, line.level);
    this.byHost.add(this.nameOf(line.host), line.timeMs);
    this.byFile.add(line.path, line.timeMs);
  }

  #arrive(timeMs: number): void {
    const second = Math.floor(timeMs / 1000);
    const last = this.#arrived.at(-1);
    if (last && last[0] === second) last[1]++;
    else this.#arrived.push([second, 1]);
  }

  #gap(gap: Omit<GapMessage, "op" | "ch"> & { one_in?: number }): void {
    const host = typeof gap.host === "number" ? this.#idOf(gap.host) : -1;
    const lines = gap.lines ?? null;
    this.tail.addGap({
      host,
      stream: typeof gap.stream === "number" ? gap.stream : -1,
      path: gap.path ?? "",
      fromMs: gap.from_ms,
      toMs: gap.to_ms,
      lines,
      bytes: gap.bytes ?? null,
      why: gap.why,
    });
    this.changed();
  }

  #counts(message: { time_ms: number; [key: string]: unknown }): void {
    const raw = message["counts"];
    const counts = (typeof raw === "object" && raw !== null ? raw : message) as Record<string, unknown>;
    const levels: Partial<Record<Level, number>> = {};
    let sum = 0;
    for (const level of LEVELS) {
      const value = counts[level];
      if (typeof value !== "number") continue;
      levels[level] = value;
      sum += value;
    }
    this.histogram.setExact(message.time_ms, levels);
    const oneIn = message["one_in"];
    this.oneIn = typeof oneIn === "number" && oneIn > 1 ? oneIn : 1;
    this.#exactPerS = this.oneIn > 1 ? { atMs: message.time_ms + 1_000, lines: sum } : null;
    this.changed();
  }
}

function lineKey(line: { host: number; stream: number; path: string; offset: number }): string {
  return `${line.host} ${line.stream} ${line.offset} ${line.path}`;
}

/** A glob that matches one path. */
export function globOf(path: string): string {
  return path.replace(/[*?[\]]/g, "*");
}
