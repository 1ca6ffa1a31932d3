/**
 * Who is in the fleet, and who of them the lens shows.
 *
 * One subscription over everyone, without series, knows all hosts; a second one follows the filter. The hub alone
 * decides who matches. A host keeps its `slot` (a small number for typed arrays) as long as the page lives, across
 * filters and restarts of the hub; the hub's own numbers do not.
 *
 * While a new filter is on its way the old hosts stay: the page never empties first.
 */
import { hub } from "../live/hub.svelte";
import type { HostMap, HostState } from "../protocol/messages";
import { finished } from "./filtertext";

export class Host {
  readonly slot: number;
  readonly agent_id: string;
  /** What the hub said last; replaced, never changed. */
  map: HostMap;
  /** Time of the newest sample or frame known, on the hub's clock. */
  newest_ms: number;

  constructor(slot: number, map: HostMap) {
    this.slot = slot;
    this.agent_id = map.agent_id;
    this.map = map;
    this.newest_ms = map.last_ms;
  }

  get name(): string {
    return this.map.name;
  }

  get labels(): Readonly<Record<string, string>> {
    return this.map.labels;
  }

  get state(): HostState {
    return this.map.state;
  }

  /** Counted in averages and sums: what a lost host said last is not what it does now. */
  get present(): boolean {
    return this.map.state === "live" || this.map.state === "late";
  }

  /** The first step in which it can have data: before the hub knew it, nothing is missing. */
  born(step_ms: number): number {
    // The step in which it came is not whole, and its first sample speaks of the one after.
    return Math.ceil(this.map.first_ms / step_ms) + 1;
  }

  /** How long ago its newest sample was, by the hub's clock. */
  age(now_ms: number): number {
    return now_ms - this.newest_ms;
  }

  /**
   * The state as it may be shown. The hub says it, but a page that has heard nothing of a "live" host for long must not
   * go on to call it live, whatever stopped: hub, network or this page.
   */
  shown(now_ms: number): HostState {
    const { state, interval_ms } = this.map;
    if (state !== "live") return state;
    return this.age(now_ms) > 3 * Math.max(interval_ms, 1_000) + 2_000 ? "late" : "live";
  }
}

class Hosts {
  /** Rises with every change of who is there, of labels and of states. Read it to follow what hosts say of themselves. */
  version = $state(0);
  /** What the hub says against the filter; empty while it is good. */
  problem = $state("");
  /** False until the first answer: nothing may be called missing before. */
  known = $state(false);
  /** False until the filter has had its first answer. */
  matched = $state(false);
  /** False until the link's filter was answered or refused: not everyone's figures are asked for first. */
  settled = $state(false);
  /** The filter that `chosen` shows. */
  filter = $state("");

  all: Host[] = $state.raw([]);
  chosen: Host[] = $state.raw([]);
  /** Hosts that the hub was told to forget while this page looked. */
  readonly forgotten = new Set<Host>();
  readonly #byAgent = new Map<string, Host>();
  #byNumber = new Map<number, Host>();
  #everyone = new Set<Host>();
  #members = new Set<Host>();
  #twice = new Set<string>();
  #counted: Host[] = [];
  #slots = 0;
  #started = false;
  #asked: string | null = null;
  #end: (() => void) | null = null;

  /** Follow the fleet; once, from the page's root. */
  start(): void {
    if (this.#started) return;
    this.#started = true;
    let fresh = true;
    hub.subscribe(
      { hosts: "*", series: [] },
      {
        began: () => {
          fresh = true;
        },
        hosts: (upsert, remove) => {
          if (fresh) {
            // After a restart the hub counts anew; whoever is not in this list is gone.
            this.#byNumber = new Map();
            this.#everyone = new Set();
            fresh = false;
          }
          for (const map of upsert) {
            const host = this.learn(map);
            this.#everyone.add(host);
            this.forgotten.delete(host);
          }
          for (const number of remove) {
            const host = this.#byNumber.get(number);
            if (!host) continue;
            this.#everyone.delete(host);
            this.forgotten.add(host);
          }
          this.all = [...this.#everyone];
          this.known = true;
          if (this.#asked === "") this.#choose(this.#everyone);
          this.version++;
        },
      },
    );
  }

  /** Show the hosts that match. Called as often as someone types. */
  follow(text: string): void {
    const filter = finished(text) === "*" ? "" : finished(text);
    if (filter === this.#asked) return;
    this.#asked = filter;
    const before = this.#end;
    this.#end = null;
    if (filter === "") {
      before?.();
      this.problem = "";
      this.filter = "";
      this.settled = true;
      if (this.known) this.#choose(this.#everyone);
      this.version++;
      return;
    }
    let fresh = true;
    const end = hub.subscribe(
      { hosts: filter, series: [] },
      {
        began: () => {
          fresh = true;
        },
        hosts: (upsert, remove) => {
          if (this.#asked !== filter) return;
          const members = fresh ? new Set<Host>() : this.#members;
          fresh = false;
          for (const map of upsert) members.add(this.learn(map));
          for (const number of remove) {
            const host = this.#byNumber.get(number);
            if (host) members.delete(host);
          }
          this.problem = "";
          this.filter = filter;
          this.settled = true;
          this.#choose(members);
          this.version++;
        },
        failed: (message) => {
          if (this.#asked !== filter) return;
          this.problem = message;
          this.settled = true;
        },
      },
    );
    this.#end = end;
    before?.();
  }

  /** Note what the hub says of a host, whatever subscription brought it. */
  learn(map: HostMap): Host {
    let host = this.#byAgent.get(map.agent_id);
    if (host) {
      host.map = map;
      if (map.last_ms > host.newest_ms) host.newest_ms = map.last_ms;
    } else {
      host = new Host(this.#slots++, map);
      this.#byAgent.set(map.agent_id, host);
    }
    this.#byNumber.set(map.host, host);
    return host;
  }

  byNumber(number: number): Host | undefined {
    return this.#byNumber.get(number);
  }

  /** The host that a link means: its agent id, or its name if only one has it (else the first by id). */
  find(nameOrId: string): Host | undefined {
    const exact = this.#byAgent.get(nameOrId);
    if (exact && this.#everyone.has(exact)) return exact;
    return this.all.filter((host) => host.name === nameOrId).sort((a, b) => (a.agent_id < b.agent_id ? -1 : 1))[0];
  }

  /** How a link should call a host: by its name, unless another has the same. */
  linkName(host: Host): string {
    if (this.#counted !== this.all) {
      this.#counted = this.all;
      this.#twice = new Set();
      const seen = new Set<string>();
      for (const { name } of this.all) {
        if (seen.has(name)) this.#twice.add(name);
        seen.add(name);
      }
    }
    return this.#twice.has(host.name) || host.name === "" ? host.agent_id : host.name;
  }

  /** All slots ever given are below this. */
  get slots(): number {
    return this.#slots;
  }

  #choose(members: Set<Host>): void {
    this.#members = members;
    this.chosen = [...members];
    this.matched = true;
  }
}

export const hosts = new Hosts();
