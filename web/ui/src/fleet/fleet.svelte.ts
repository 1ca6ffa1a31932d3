/**
 * The figures of the hosts that the lens shows, now and over its span, in typed arrays.
 *
 * `follow` asks the hub for the newest values of the filtered hosts and then, once their number is known, for as much of
 * their past as a page can take. `tick` rises in each frame that brought something; components that read it draw again.
 *
 * In: frames of the live socket. Out: `figures` (one row of `FIELD_COUNT` a slot), `time_ms`, and `columns`, the past.
 */
import { untrack } from "svelte";
import { ask } from "../live/ask";
import { frames } from "../live/frame";
import { hub } from "../live/hub.svelte";
import { pause } from "../live/pause.svelte";
import type { Block } from "../protocol/messages";
import { COLUMNS, Columns } from "./columns";
import { apply, CPU_SERIES, F, FEEDS, FIELD_COUNT, FIELDS, FLEET_SERIES, type Plan, plan } from "./fields";
import { type Host, hosts } from "./hosts.svelte";
import { fill, type MetricsAnswer, type PastHost, stepFor } from "./past";

// Up to so many hosts every figure keeps its five minutes; above, the processor's parts and what a view asks for.
const ALL_FIELDS_UP_TO = 500;
// How much of the past is asked for: the hub sends it at once, so a large fleet gets less of it.
const PAST_S: readonly [hosts: number, seconds: number][] = [
  [2_000, 300],
  [5_000, 120],
  [Number.POSITIVE_INFINITY, 60],
];
// Where nobody measures, or nobody looks, the past does not wait longer for the first values to be drawn.
const PRESENT_WITHIN_MS = 500;
// The past comes in many pieces: drawing them all anew with each would be most of the work of opening a page.
const FILLED_EVERY_MS = 250;
// After its first answer the question for the past has served; this long the answer may take to come whole.
const PAST_WITHIN_MS = 5_000;
// The past of more hosts than this comes in parts: what is drawn, then the figures at its end, then the processor's parts
// in steps so many times as long.
const PAST_ALL_UP_TO = 200;
const PARTS_STEPS = 5;
const END_STEPS = 3;
const PAST_HOSTS_MAX = 2_000;
const SLACK_MS = 1_500;
const CPU_PARTS = [F.user, F.system, F.iowait, F.steal];
const CPU_FIELDS = [...CPU_PARTS, F.busy];

/** What the lens looks at. `from` null: the present, with `span_ms` behind it. */
export interface Look {
  from: number | null;
  to: number | null;
  span_ms: number;
}

class Fleet {
  /** Rises in each animation frame that brought something new. */
  tick = $state(0);
  /** True once the first values came, or it is known that there is no host to send any. */
  ready = $state(false);

  figures = new Float32Array(0);
  /** Time of a slot's newest sample; NaN: none yet. */
  time_ms = new Float64Array(0);
  /** The last five minutes, second by second; always kept up. */
  readonly recent = new Columns(1_000, CPU_FIELDS);
  /** What the lens shows: `recent`, or longer steps, or a range of the past. */
  columns: Columns = this.recent;
  /** So many steps of `columns` make the lens' span. */
  steps = $state(COLUMNS);
  step_ms = $state(1_000);
  /** Why the past cannot be shown; empty while it can. */
  problem = $state("");
  /** Newest sample of anyone. */
  newest_ms = Number.NaN;
  /** Rises when the past was filled in: what was summed over it must be summed again. */
  past = 0;

  #plans: (Plan | null)[] = [];
  #look: Look = { from: null, to: null, span_ms: COLUMNS * 1_000 };
  #asking: AbortController | null = null;
  /** The field whose past the view draws. */
  #drawn = F.busy;
  /** The picture as it was when the reader paused. */
  #held: { edge: number; figures: Float32Array } | null = null;
  /** Figures at the end of a range of the past, by slot; null while the lens is live. */
  #then: Map<number, PastHost> | null = null;
  #filter: string | null = null;
  #end: (() => void) | null = null;
  #endPast: (() => void) | null = null;
  #filling: ReturnType<typeof setTimeout> | null = null;
  readonly #scratch = new Float32Array(FIELD_COUNT);

  /** Follow the hosts of a filter; the former ones go on until the new ones answer. */
  follow(filter: string): void {
    if (filter === this.#filter) return;
    this.#filter = filter;
    const before = this.#end;
    this.#endPast?.();
    this.#endPast = null;
    let schemas = new Map<number, Plan>();
    let pastAsked = false;
    let pastDue = false;
    let answered = false;
    // The present is drawn before the past is asked for: it is what the reader waits for.
    const askPast = (): void => {
      if (!pastDue || this.#filter !== filter) return;
      pastDue = false;
      this.#askPast(filter, hosts.chosen.length);
    };
    const taken = (): void => {
      if (answered) return;
      answered = true;
      before?.();
    };
    this.#end = hub.subscribe(
      { hosts: filter || "*", series: [...FLEET_SERIES], interval_ms: 1_000, history_s: 2 },
      {
        began: () => {
          schemas = new Map();
          pastAsked = false;
          taken();
        },
        hosts: (upsert) => {
          for (const map of upsert) hosts.learn(map);
          if (upsert.length === 0) this.ready = true;
          if (!pastAsked) {
            pastAsked = true;
            pastDue = true;
            setTimeout(askPast, PRESENT_WITHIN_MS);
            void this.#fetch();
          }
          this.#changed();
        },
        schema: (schema, series) => {
          schemas.set(schema, plan(series));
        },
        samples: (blocks) => {
          this.#take(blocks, schemas, false);
          if (pastDue) requestAnimationFrame(() => setTimeout(askPast));
        },
        failed: () => {
          taken();
          this.ready = true;
        },
      },
    );
  }

  /** Nobody looks any more. */
  leave(): void {
    this.#end?.();
    this.#endPast?.();
    this.#asking?.abort();
    this.#end = null;
    this.#endPast = null;
    this.#filter = null;
  }

  /** Look at another span: the present with so much behind it, or a range of the past. */
  look(look: Look): void {
    const { from, to, span_ms } = look;
    this.#asking?.abort();
    this.#asking = null;
    this.#look = look;
    this.#then = null;
    this.problem = "";
    const now = Number.isNaN(hub.now()) ? Date.now() : hub.now();
    const range_ms = from === null ? span_ms : Math.max(1_000, (to ?? now) - from);
    const step_ms = stepFor(range_ms);
    this.step_ms = step_ms;
    this.steps = Math.max(1, Math.min(COLUMNS, Math.ceil(range_ms / step_ms)));
    if (from === null && step_ms === 1_000) this.columns = this.recent;
    else {
      const kept = Array.from({ length: FIELD_COUNT }, (_, field) => field).filter((field) => this.recent.keeps(field));
      this.columns = new Columns(step_ms, kept, this.time_ms.length);
      if (from !== null) this.#then = new Map();
      void this.#fetch();
    }
    this.past++;
    this.#changed();
  }

  /** Keep the past of a field from now on, and fetch what the hub still has of it. */
  keep(field: number): void {
    const isNew = field !== this.#drawn;
    this.#drawn = field;
    if (!this.recent.keeps(field)) {
      this.recent.keep(field);
      if (this.#filter !== null) this.#askPast(this.#filter, hosts.chosen.length);
    }
    if (this.columns !== this.recent && (isNew || !this.columns.keeps(field))) {
      this.columns.keep(field);
      void this.#fetch();
    }
  }

  async #fetch(): Promise<void> {
    const { columns } = this;
    const { from, to } = this.#look;
    if (this.#filter === null || columns === this.recent || !hosts.matched) return;
    this.#asking?.abort();
    const asking = new AbortController();
    this.#asking = asking;
    const count = hosts.chosen.length;
    if (count > PAST_HOSTS_MAX) {
      this.problem = `the past of ${count.toLocaleString("en-US")} hosts is too much for one page: narrow the filter to ${PAST_HOSTS_MAX.toLocaleString("en-US")} or fewer`;
      return;
    }
    const end_ms = from === null ? hub.now() : (to ?? hub.now());
    const start_ms = from ?? end_ms - this.#look.span_ms;
    const all = count <= PAST_ALL_UP_TO;
    if (all) for (let field = 0; field < FIELD_COUNT; field++) columns.keep(field);
    const filter = this.#filter;
    const past = async (series: readonly string[], from_ms: number, steps: number, only?: readonly number[]) => {
      const answer = await ask<MetricsAnswer>(
        "metrics",
        {
          filter,
          series: [...new Set(series)].join(),
          from: Math.floor(from_ms),
          to: Math.ceil(end_ms),
          step: `${(columns.step_ms * steps) / 1_000}s`,
        },
        asking.signal,
      );
      if (asking.signal.aborted) return;
      this.#reserve(hosts.slots);
      const found = fill(columns, answer, (number) => hosts.byNumber(number)?.slot, only);
      if (this.#then && !only) for (const host of found) this.#then.set(host.slot, host);
      this.past++;
      this.#changed();
    };
    try {
      if (all) await past(FLEET_SERIES, start_ms, 1);
      else {
        await past([...FEEDS.busy, ...FEEDS[FIELDS[this.#drawn]!]], start_ms, 1);
        if (this.#then) await past(FLEET_SERIES, Math.max(start_ms, end_ms - END_STEPS * columns.step_ms), 1);
        await past(CPU_SERIES.slice(0, -1), start_ms, PARTS_STEPS, CPU_PARTS);
      }
      this.problem = "";
    } catch (error) {
      if (!asking.signal.aborted)
        this.problem = `the past cannot be shown: ${error instanceof Error ? error.message : String(error)}`;
    }
  }

  /**
   * The newest step to show. It follows the newest sample, and the clock where none comes; while the hub is away it
   * stands, and the banner says since when. 0: nothing is known yet.
   */
  edge(): number {
    const { step_ms } = this.columns;
    if (this.#look.from !== null) return Math.ceil((this.#look.to ?? this.newest_ms) / step_ms) - 1 || 0;
    if (this.#held) return this.#held.edge;
    const now = hub.now();
    // A sample is on its way for up to its interval; what is older than that and missing is a hole.
    const due = hub.link.state === "open" ? now - SLACK_MS : Number.NEGATIVE_INFINITY;
    const newest = Number.isNaN(this.newest_ms) ? due : Math.max(Math.min(this.newest_ms, now), due);
    // Nothing is known yet: there is no picture to draw.
    return Number.isFinite(newest) ? Math.floor(newest / step_ms) : 0;
  }

  figure(host: Host, field: number): number {
    if (this.#then) return this.#then.get(host.slot)?.figures[field] ?? Number.NaN;
    return (this.#held?.figures ?? this.figures)[host.slot * FIELD_COUNT + field] ?? Number.NaN;
  }

  /** The name of the disk that `util` and `await` speak of. */
  diskName(host: Host): string {
    const at = this.figure(host, F.disk);
    const from = this.#then ? this.#then.get(host.slot)?.plan : this.#plans[host.slot];
    return from?.disks[at]?.name ?? "";
  }

  #askPast(filter: string, count: number): void {
    this.#endPast?.();
    const small = count <= ALL_FIELDS_UP_TO;
    if (small) for (let field = 0; field < FIELD_COUNT; field++) this.recent.keep(field);
    const extra = [F.load, F.memory, F.util, F.rx, F.read].some((field) => this.recent.keeps(field));
    const series = small || extra ? FLEET_SERIES : CPU_SERIES;
    const seconds = PAST_S.find(([hostsUpTo]) => count <= hostsUpTo)?.[1] ?? 60;
    const schemas = new Map<number, Plan>();
    let over: ReturnType<typeof setTimeout> | null = null;
    const end = hub.subscribe(
      { hosts: filter || "*", series: [...series], interval_ms: 1_000, history_s: seconds },
      {
        schema: (schema, names) => {
          schemas.set(schema, plan(names));
        },
        samples: (blocks) => {
          this.#take(blocks, schemas, true);
          over ??= setTimeout(stop, PAST_WITHIN_MS);
        },
        failed: () => stop(),
      },
    );
    const stop = (): void => {
      if (over !== null) clearTimeout(over);
      end();
      if (this.#endPast === stop) this.#endPast = null;
    };
    this.#endPast = stop;
  }

  #take(blocks: Block[], schemas: ReadonlyMap<number, Plan>, past: boolean): void {
    this.#reserve(hosts.slots);
    let filled = false;
    const wide = this.columns !== this.recent && this.#look.from === null ? this.columns : null;
    for (const block of blocks) {
      const from = schemas.get(block.schema);
      if (!from) continue;
      const width = block.hosts.length === 0 ? 0 : block.values.length / block.hosts.length;
      let before = Number.NaN;
      for (let row = 0; row < block.hosts.length; row++) {
        const host = hosts.byNumber(block.hosts[row]!);
        if (!host) continue;
        const time = block.time_ms[row]!;
        const above = row > 0 && block.hosts[row - 1] === block.hosts[row] ? before : Number.NaN;
        before = time;
        const { slot } = host;
        apply(from, block.values, row * width, this.#scratch);
        const newer = !(time <= this.time_ms[slot]!);
        // Rows of the past start anew at each host; a live row follows the slot's own newest.
        this.recent.write(slot, time, host.map.interval_ms, this.#scratch, newer && !past ? undefined : above);
        if (wide && newer && !past) wide.write(slot, time, host.map.interval_ms, this.#scratch);
        if (past || !newer) {
          filled = true;
          continue;
        }
        this.time_ms[slot] = time;
        if (time > host.newest_ms) host.newest_ms = time;
        if (!(time <= this.newest_ms)) this.newest_ms = time;
        this.#plans[slot] = from;
        this.figures.set(this.#scratch, slot * FIELD_COUNT);
      }
    }
    this.ready = true;
    if (!past) this.#changed();
    if (filled && this.#filling === null)
      this.#filling = setTimeout(() => {
        this.#filling = null;
        this.past++;
        this.#changed();
      }, FILLED_EVERY_MS);
  }

  #reserve(slots: number): void {
    const capacity = this.time_ms.length;
    if (slots <= capacity) return;
    const grown = Math.max(64, 2 ** Math.ceil(Math.log2(slots)));
    const figures = new Float32Array(grown * FIELD_COUNT).fill(Number.NaN);
    figures.set(this.figures);
    this.figures = figures;
    const time = new Float64Array(grown).fill(Number.NaN);
    time.set(this.time_ms);
    this.time_ms = time;
    this.recent.reserve(grown);
    if (this.columns !== this.recent) this.columns.reserve(grown);
  }

  #changed(): void {
    this.#pending = true;
    frames.ask();
  }

  #pending = false;

  constructor() {
    $effect.root(() => {
      $effect(() => {
        const paused = pause.since_ms !== null;
        untrack(() => {
          this.#held = null;
          if (paused) this.#held = { edge: this.edge(), figures: this.figures.slice() };
          this.#changed();
        });
      });
    });
    frames.register(() => {
      if (!this.#pending) return;
      this.#pending = false;
      this.tick++;
    });
  }
}

export const fleet = new Fleet();
