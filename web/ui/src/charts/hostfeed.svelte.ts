/**
 * One host as its page needs it: who it is, and its samples as a timeline.
 *
 * The host is named by its name or its agent id. Live samples come through the page's socket; what lies before the
 * hub's recent memory, and holes that were filled later, are asked for by HTTP. `changed` is called for every change,
 * so that a page draws in the next frame.
 */
import { ask } from "../live/ask";
import { hub } from "../live/hub.svelte";
import { filterOf } from "../logs/filter";
import type { Block, HostMap } from "../protocol/messages";
import { Timeline } from "./timeline";
import { printStep, RECENT_MS, stepOf, type TimeWindow } from "./window";

interface MetricsAnswer {
  step_ms: number;
  series: {
    host: number;
    name: string;
    series: string;
    time_ms: ArrayLike<number>;
    avg: ArrayLike<number | null>;
    max: ArrayLike<number | null>;
  }[];
}

// Series whose worst moment is what a reader looks for; the others are shown by their mean.
const WORST = /^(?:disk\.(?:util_pct|.*await_ms|queue_depth)|pressure\.|load\.)/;
// A hole may be filled by an agent that catches up: look again after so long, twice.
const REFILL_AFTER_MS = [6_000, 40_000];

export class HostFeed {
  host: HostMap | null = $state.raw(null);
  /** The hub was asked and knows no such host. */
  isUnknown = $state(false);
  problem = $state("");
  /** The history of a long window is on its way. */
  isLoading = $state(false);
  /** Series have come or gone: strips must be made anew. */
  seriesVersion = $state(0);
  readonly recent = new Timeline();
  /** The steps of a longer or older window; null: `recent` is enough. */
  past: Timeline | null = null;
  stepMs = 1_000;
  /** Stretches that came late, after the agent had been away. */
  readonly filled: [fromMs: number, toMs: number][] = [];

  #end: (() => void) | null = null;
  #intervalMs = 0;
  #abort: AbortController | null = null;
  #holes = new Map<number, { toMs: number; asked: number; foundMs: number }>();
  #schemas = new Map<number, string[]>();
  #pastIsLive = false;
  #candidates = new Map<number, HostMap>();

  /** `agentId` tells hosts of the same name apart; without it the name decides. */
  constructor(
    readonly name: string,
    readonly agentId: string | null,
    private readonly changed: () => void,
  ) {}

  /** Subscribe, at a host's own rate or faster while watched. */
  start(intervalMs: number): void {
    if (this.#end !== null && intervalMs === this.#intervalMs) return;
    this.#intervalMs = intervalMs;
    this.#end?.();
    this.#end = hub.subscribe(
      { hosts: filterOf(this.name), series: ["*"], interval_ms: intervalMs, history_s: RECENT_MS / 1000 },
      {
        began: () => {
          this.#candidates.clear();
          this.#schemas.clear();
        },
        hosts: (upsert, remove) => this.#hosts(upsert, remove),
        schema: (schema, series) => this.#schema(schema, series),
        samples: (blocks) => this.#samples(blocks),
        failed: (message) => {
          this.problem = message;
        },
      },
    );
  }

  stop(): void {
    this.#end?.();
    this.#end = null;
    this.#abort?.abort();
  }

  /** The timeline that covers the window that was loaded. */
  get timeline(): Timeline {
    return this.past ?? this.recent;
  }

  /** Load what a window shows beyond the hub's recent memory. */
  async load(window: TimeWindow): Promise<void> {
    this.#abort?.abort();
    const stepMs = stepOf(window);
    if (window.isLive && window.toMs - window.fromMs <= RECENT_MS) {
      this.past = null;
      this.stepMs = 1_000;
      this.isLoading = false;
      this.changed();
      return;
    }
    const abort = new AbortController();
    this.#abort = abort;
    this.isLoading = true;
    this.problem = "";
    try {
      const timeline = new Timeline();
      await this.#fetch(timeline, window.fromMs, window.toMs, stepMs, abort.signal);
      if (abort.signal.aborted) return;
      for (const [schema, series] of this.#schemas) timeline.setSchema(schema, series);
      this.past = timeline;
      this.#pastIsLive = window.isLive;
      this.stepMs = stepMs;
      this.seriesVersion++;
    } catch (error) {
      if (!abort.signal.aborted) this.problem = error instanceof Error ? error.message : String(error);
    } finally {
      if (!abort.signal.aborted) this.isLoading = false;
      this.changed();
    }
  }

  /** Neighbouring rows further apart than this have a hole between them. */
  get holeMs(): number {
    return Math.max(2.5 * this.stepMs, 2.5 * Math.max(1_000, this.host?.interval_ms ?? 1_000));
  }

  /** Ask once more for holes that have ended: an agent that was away may have brought its samples since. */
  refill(holes: readonly [number, number][], nowMs: number): void {
    for (const [fromMs, toMs] of holes) {
      if (toMs >= this.recent.newestMs || nowMs - toMs > RECENT_MS) continue;
      let hole = this.#holes.get(fromMs);
      if (!hole) {
        hole = { toMs, asked: 0, foundMs: nowMs };
        this.#holes.set(fromMs, hole);
      }
      const wait = REFILL_AFTER_MS[hole.asked];
      if (wait === undefined || nowMs - hole.foundMs < wait) continue;
      hole.asked++;
      void this.#refill(fromMs, toMs);
    }
  }

  async #refill(fromMs: number, toMs: number): Promise<void> {
    const before = this.recent.length;
    try {
      await this.#fetch(this.recent, fromMs + 1, toMs, 1_000);
    } catch {
      return; // a hole stays a hole
    }
    if (this.recent.length - before < 2) return;
    this.filled.push([fromMs, toMs]);
    this.changed();
  }

  async #fetch(into: Timeline, fromMs: number, toMs: number, stepMs: number, signal?: AbortSignal): Promise<void> {
    const host = this.host;
    if (!host) return;
    const answer = await ask<MetricsAnswer>(
      "metrics",
      {
        filter: filterOf(host.name),
        series: "*",
        from: Math.floor(fromMs),
        to: Math.ceil(toMs),
        step: printStep(stepMs),
      },
      signal,
    );
    for (const one of answer.series) {
      if (one.host !== host.host) continue;
      const values = WORST.test(one.series) ? one.max : one.avg;
      into.addSeries(
        one.series,
        one.time_ms,
        Array.from(values, (value) => value ?? Number.NaN),
      );
    }
  }

  #hosts(upsert: HostMap[], remove: number[]): void {
    for (const host of upsert) this.#candidates.set(host.host, host);
    for (const number of remove) this.#candidates.delete(number);
    const chosen = this.#choose();
    this.isUnknown = chosen === null;
    if (chosen === null) {
      if (this.host && remove.includes(this.host.host)) this.host = { ...this.host, state: "left" };
      return;
    }
    if (this.host && this.host.agent_id !== chosen.agent_id) this.recent.clear();
    this.host = chosen;
    this.changed();
  }

  /** Two hosts may share a name: the id decides, else the one that is alive, else the newest. */
  #choose(): HostMap | null {
    const all = [...this.#candidates.values()];
    const found = all.filter((host) =>
      this.agentId === null ? host.name === this.name : host.agent_id === this.agentId,
    );
    const order = { live: 0, late: 1, lost: 2, left: 3 };
    return found.sort((a, b) => order[a.state] - order[b.state] || b.last_ms - a.last_ms)[0] ?? null;
  }

  #schema(schema: number, series: string[]): void {
    this.#schemas.set(schema, series);
    this.recent.setSchema(schema, series);
    this.past?.setSchema(schema, series);
    this.seriesVersion++;
  }

  #samples(blocks: Block[]): void {
    const wanted = this.host?.host;
    if (wanted === undefined) return;
    let any = false;
    for (const block of blocks) {
      const width = block.hosts.length > 0 ? block.values.length / block.hosts.length : 0;
      for (let row = 0; row < block.hosts.length; row++) {
        if (block.hosts[row] !== wanted) continue;
        this.recent.add(block.schema, block.time_ms[row]!, block.values, row * width);
        if (this.#pastIsLive) this.past?.add(block.schema, block.time_ms[row]!, block.values, row * width);
        any = true;
      }
    }
    if (any) this.changed();
  }
}
