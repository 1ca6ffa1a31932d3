/**
 * The way to the hub where WebSockets are blocked: plain HTTP answers that never end, and a list of hosts each second or two.
 *
 * A shell beside `socket.ts`; it looks to the session like any other wire. Streams give rows, `rows.ts` turns them into
 * messages. What only a socket has (exact counts of sampled lines) is refused in words, so that nobody shows a 0 for it.
 */
import type { ClientMessage, HostMap, ServerMessage } from "../protocol/messages";
import { changes, Lines, Rows } from "./rows";
import type { Dial, Wire, WireEvents } from "./socket";

const HOSTS_EVERY_MS = 2_000;
// A limit this small asks for counts, not for lines.
const COUNTS_BELOW = 100;
// A browser opens six connections to one hub at most: requests behind never-ending answers would wait for ever.
const STREAMS_MAX = 4;

type Subscribe = Extract<ClientMessage, { op: "subscribe" }>;

export function plainHttp(base: string): Dial {
  return (events) => {
    const wire = new HttpWire(base, events);
    void wire.open();
    return wire;
  };
}

class HttpWire implements Wire {
  readonly #base: string;
  readonly #events: WireEvents;
  readonly #open = new Map<number, AbortController>();
  readonly #filters = new Map<number, string>();
  readonly #known = new Map<number, Map<number, string>>();
  #timer: ReturnType<typeof setTimeout> | null = null;
  #over = false;

  constructor(base: string, events: WireEvents) {
    this.#base = base;
    this.#events = events;
  }

  async open(): Promise<void> {
    try {
      const ready = await this.#get<{ hub?: string; version?: string }>("readyz", {});
      const hosts = await this.#get<{ time_ms: number }>("api/v1/hosts", { filter: "!*" });
      this.#give({ op: "welcome", hub: ready.hub ?? "hub", version: ready.version ?? "", time_ms: hosts.time_ms });
      void this.#pollHosts();
    } catch {
      this.#end();
    }
  }

  send(message: ClientMessage): void {
    if (message.op === "subscribe") this.#subscribe(message);
    else {
      this.#open.get(message.id)?.abort();
      this.#open.delete(message.id);
      this.#filters.delete(message.id);
      this.#known.delete(message.id);
    }
  }

  drop(): void {
    this.#end();
  }

  #subscribe(wish: Subscribe): void {
    const { id } = wish;
    if (wish.logs && (wish.logs.max_lines_per_s ?? COUNTS_BELOW) < COUNTS_BELOW) {
      this.#give({
        op: "error",
        id,
        message: "counts of lines need a WebSocket, and something between here and the hub blocks them",
      });
      return;
    }
    this.#give({ op: "subscribed", id, ch: id });
    this.#filters.set(id, wish.hosts);
    this.#known.set(id, new Map());
    void this.#askHosts(wish.hosts);
    const streams = [...this.#open.values()].length;
    if (wish.series?.length && streams < STREAMS_MAX)
      void this.#stream(id, "metrics", {
        filter: wish.hosts,
        series: wish.series.join(),
        interval: `${wish.interval_ms ?? 1_000}ms`,
        history: `${wish.history_s ?? 0}s`,
      });
    else if (wish.logs && streams < STREAMS_MAX) {
      const { path, match, exclude } = wish.logs;
      void this.#stream(id, "logs", {
        filter: wish.hosts,
        path: path ?? "*",
        match: match ?? "",
        exclude: exclude ?? "",
        tail: String(wish.tail ?? 0),
        resume: typeof wish.resume === "string" ? wish.resume : "",
      });
    }
  }

  async #stream(id: number, what: string, query: Record<string, string>): Promise<void> {
    const abort = new AbortController();
    this.#open.set(id, abort);
    try {
      const answer = await fetch(this.#url(`api/v1/stream/${what}`, query), {
        headers: { Accept: "application/x-ndjson" },
        cache: "no-store",
        signal: abort.signal,
      });
      if (answer.status === 400) {
        const { detail } = (await answer.json()) as { detail?: string };
        this.#open.delete(id);
        this.#give({ op: "error", id, message: detail ?? "the hub does not understand the question" });
        return;
      }
      if (!answer.ok || !answer.body) throw new Error(`status ${answer.status}`);
      const rows = new Rows(id);
      const lines = new Lines();
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) throw new Error("the stream ended");
        for (const message of rows.messages(lines.take(value))) this.#give(message);
      }
    } catch {
      // A stream that ends is a hub that went away, unless we ended it.
      if (!abort.signal.aborted) this.#end();
    }
  }

  async #pollHosts(): Promise<void> {
    try {
      for (const filter of new Set(this.#filters.values())) await this.#askHosts(filter);
      if (!this.#over) this.#timer = setTimeout(() => void this.#pollHosts(), HOSTS_EVERY_MS);
    } catch {
      this.#end();
    }
  }

  async #askHosts(filter: string): Promise<void> {
    let hosts: HostMap[];
    try {
      ({ hosts } = await this.#get<{ hosts: HostMap[] }>("api/v1/hosts", { filter }));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      for (const [id, its] of this.#filters)
        if (its === filter) {
          this.#filters.delete(id);
          this.#give({ op: "error", id, message: error.message });
        }
      return;
    }
    for (const [id, its] of this.#filters) {
      const known = this.#known.get(id);
      if (its !== filter || !known) continue;
      const first = known.size === 0;
      const found = changes(known, hosts);
      if (found || first) this.#give({ op: "hosts", ch: id, upsert: found?.upsert ?? [], remove: found?.remove ?? [] });
    }
  }

  async #get<T>(path: string, query: Record<string, string>): Promise<T> {
    const answer = await fetch(this.#url(path, query), { cache: "no-store", headers: { Accept: "application/json" } });
    const body = (await answer.json()) as T & { detail?: string };
    if (answer.status === 400) throw new Refused(body.detail ?? "the hub does not understand the question");
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    return body;
  }

  #url(path: string, query: Record<string, string>): URL {
    const url = new URL(path, this.#base);
    for (const [key, value] of Object.entries(query)) if (value !== "") url.searchParams.set(key, value);
    return url;
  }

  #give(message: ServerMessage): void {
    if (!this.#over) this.#events.message(message);
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    for (const abort of this.#open.values()) abort.abort();
    this.#events.close();
  }
}

class Refused extends Error {}
