/**
 * The page's side of the conversation with the hub: what is subscribed, where to resume, when to try again.
 *
 * A subscription outlives connections: after each new `welcome` it is asked again, log subscriptions with the cursor of the
 * newest lines seen. The hub numbers hosts anew after a restart, so a sink hears `began` before it hears of hosts again.
 * Where one subscription follows everyone, the hub tells the others only numbers: a large fleet travels once.
 *
 * In: what the socket shell saw, with `now` in ms of a monotonic clock. Out: `outgoing()`, `action()` and calls of the
 * sinks. No socket, no timer, no clock here: `socket.ts` has them.
 */
import type {
  Batch,
  Block,
  ClientMessage,
  Cursor,
  GapMessage,
  HostMap,
  ServerMessage,
  Wish,
} from "../protocol/messages";

/** Who gets what a subscription brings. Calls come in the order of the frames. */
export interface Sink {
  /** The hub answered. What follows is the whole present state; all host numbers of before are void. */
  began?(): void;
  hosts?(upsert: HostMap[], remove: number[]): void;
  schema?(schema: number, series: string[]): void;
  samples?(blocks: Block[]): void;
  lines?(batches: Batch[]): void;
  gap?(gap: GapMessage): void;
  counts?(counts: Extract<ServerMessage, { op: "counts" }>): void;
  /** The hub cannot do it; the message says what to change. The subscription is over. */
  failed?(message: string): void;
}

/** Where the connection stands. `since` is when it was lost, or first tried. */
export type Link =
  | { state: "connecting"; attempt: number; since: number }
  | { state: "open"; since: number }
  | { state: "waiting"; attempt: number; since: number; until: number };

/** What the shell should do now. */
export type Action = "connect" | "probe" | "drop" | null;

interface Subscription {
  wish: Wish;
  sink: Sink;
  ch: number | null;
  cursor: Cursor | null;
}

// A hub that restarts is back within a second or two; a network that is down should not be hammered.
const FIRST_RETRY_MS = 300;
const LONGEST_RETRY_MS = 5_000;
// A socket that neither opens nor fails: a proxy or a stopped hub holds it.
const OPEN_WITHIN_MS = 8_000;
// A fleet may be silent for good reason (all hosts lost), a frozen hub for a bad one. After this we ask it by HTTP.
const QUIET_MS = 4_000;
const PROBE_WITHIN_MS = 4_000;

// Crystals part by some 50 ms in this time: then a worse reading is better than an old one.
const CLOCK_AGES_MS = 600_000;

export class Session {
  /** What the hub calls itself, and its version; empty before the first welcome. */
  hub = "";
  version = "";
  /** Newest time of any sample received, on the hub's clock. */
  newest_ms = Number.NaN;
  /** How old that sample was when it came. */
  delay_ms = Number.NaN;
  /** The reason of the last refused frame, for the page's console. */
  problem = "";

  #link: Link;
  #wantConnect = true;
  #heard = 0;
  #probeUntil: number | null = null;
  #probeAsked = false;
  #clockOffset = Number.NaN;
  #clockError = Number.POSITIVE_INFINITY;
  #clockAt = 0;
  #nextId = 1;
  readonly #subscriptions = new Map<number, Subscription>();
  readonly #channels = new Map<number, Set<Subscription>>();
  /** The hosts by the hub's numbers, and by channel those that it named by their numbers. */
  readonly #told = new Map<number, HostMap>();
  readonly #named = new Map<number, Set<number>>();
  #outgoing: ClientMessage[] = [];
  readonly #random: () => number;

  constructor(now: number, random: () => number) {
    this.#random = random;
    this.#link = { state: "connecting", attempt: 1, since: now };
  }

  get link(): Link {
    return this.#link;
  }

  /** True while samples are subscribed: only then does their absence mean anything. */
  get metric(): boolean {
    for (const { wish, ch } of this.#subscriptions.values()) if (ch !== null && wish.series?.length) return true;
    return false;
  }

  /** The hub's clock; NaN before the first welcome. The browser's own wall clock is never used. */
  hubNow(now: number): number {
    return now + this.#clockOffset;
  }

  /**
   * The hub's clock by question and answer: it lies half-way between them, give or take half the round trip. The welcome
   * alone would take a slow way for a late clock, and call what comes late fresh.
   */
  clockRead(time_ms: number, asked: number, answered: number): void {
    const error = (answered - asked) / 2;
    if (Number.isNaN(time_ms) || (error > this.#clockError && answered - this.#clockAt < CLOCK_AGES_MS)) return;
    this.#clockOffset = time_ms - (asked + answered) / 2;
    this.#clockError = error;
    this.#clockAt = answered;
  }

  subscribe(wish: Wish, sink: Sink): number {
    const id = this.#nextId++;
    const subscription: Subscription = { wish, sink, ch: null, cursor: null };
    this.#subscriptions.set(id, subscription);
    if (this.#link.state === "open") this.#ask(id, subscription);
    return id;
  }

  unsubscribe(id: number): void {
    const subscription = this.#subscriptions.get(id);
    if (!subscription) return;
    this.#subscriptions.delete(id);
    if (subscription.ch !== null) {
      const channel = this.#channels.get(subscription.ch);
      channel?.delete(subscription);
      if (channel?.size === 0) this.#named.delete(subscription.ch);
    }
    if (this.#link.state === "open") this.#outgoing.push({ op: "unsubscribe", id });
  }

  received(message: ServerMessage, now: number): void {
    this.#heard = now;
    this.#probeUntil = null;
    switch (message.op) {
      case "welcome":
        this.#welcome(message, now);
        return;
      case "subscribed":
        this.#subscribed(message);
        return;
      case "error":
        this.#failed(message.id, message.message);
        return;
      case "hosts":
        this.#hosts(message);
        return;
      case "samples":
        this.#measure(message.blocks, now);
    }
    for (const subscription of this.#channels.get(message.ch) ?? []) deliver(message, subscription);
  }

  /** A frame that no one could read: counted as a sign of life, and nothing else. */
  unreadable(problem: string, now: number): void {
    this.#heard = now;
    this.problem = problem;
  }

  /** The socket is gone, or never came. */
  closed(now: number): void {
    const before = this.#link;
    const attempt = before.state === "open" ? 1 : before.attempt + 1;
    const since = before.state === "open" ? now : before.since;
    const longest = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** (attempt - 1));
    // Spread, so that a thousand pages do not knock at the same instant.
    this.#link = { state: "waiting", attempt, since, until: now + longest * (0.5 + 0.5 * this.#random()) };
    this.#outgoing = [];
    this.#forgetChannels();
    this.#probeUntil = null;
    this.#probeAsked = false;
    for (const subscription of this.#subscriptions.values()) subscription.ch = null;
  }

  /** The reader cannot wait, or the network came back. */
  retryNow(now: number): void {
    if (this.#link.state === "waiting") this.#link = { ...this.#link, until: now };
  }

  /** The answer of the probe that `action()` asked for. */
  probed(answered: boolean, now: number): void {
    if (this.#probeUntil === null) return;
    if (answered) {
      this.#heard = now;
      this.#probeUntil = null;
    } else this.#probeUntil = now;
  }

  /** What to do now; asks once for each thing. */
  action(now: number): Action {
    const link = this.#link;
    if (link.state === "waiting" && now >= link.until) {
      this.#link = { state: "connecting", attempt: link.attempt, since: link.since };
      this.#heard = now;
      this.#wantConnect = true;
    }
    if (this.#wantConnect) {
      this.#wantConnect = false;
      this.#heard = now;
      return "connect";
    }
    if (link.state === "connecting" && now - this.#heard >= OPEN_WITHIN_MS) return "drop";
    if (link.state !== "open") return null;
    if (this.#probeUntil !== null && now >= this.#probeUntil) return "drop";
    if (this.#probeUntil === null && now - this.#heard >= QUIET_MS) {
      this.#probeUntil = now + PROBE_WITHIN_MS;
      this.#probeAsked = true;
    }
    if (this.#probeAsked) {
      this.#probeAsked = false;
      return "probe";
    }
    return null;
  }

  /** When to call `action` at the latest. */
  nextTick(): number {
    switch (this.#link.state) {
      case "waiting":
        return this.#link.until;
      case "connecting":
        return this.#heard + OPEN_WITHIN_MS;
      case "open":
        return this.#probeUntil ?? this.#heard + QUIET_MS;
    }
  }

  /** What to send now; empties the list. */
  outgoing(): ClientMessage[] {
    const messages = this.#outgoing;
    this.#outgoing = [];
    return messages;
  }

  #welcome(message: Extract<ServerMessage, { op: "welcome" }>, now: number): void {
    this.hub = message.hub;
    this.version = message.version;
    this.#clockOffset = message.time_ms - now;
    this.#clockError = Number.POSITIVE_INFINITY;
    this.#link = { state: "open", since: now };
    this.#forgetChannels();
    for (const [id, subscription] of this.#subscriptions) this.#ask(id, subscription);
  }

  #forgetChannels(): void {
    this.#channels.clear();
    this.#told.clear();
    this.#named.clear();
  }

  #ask(id: number, { wish, cursor }: Subscription): void {
    let isTold = false;
    for (const [other, { wish }] of this.#subscriptions) isTold ||= other < id && isEveryone(wish);
    this.#outgoing.push({
      op: "subscribe",
      id,
      ...wish,
      ...(cursor === null ? {} : { resume: cursor }),
      ...(isTold ? { numbers: true } : {}),
    });
  }

  /**
   * Whole hosts are passed on to the channels that named them, whichever came first: a number says who belongs, and the
   * two channels of a slow page need not arrive in the order in which the hub wrote them.
   */
  #hosts({ ch, upsert, numbers, remove }: Extract<ServerMessage, { op: "hosts" }>): void {
    for (const map of upsert) this.#told.set(map.host, map);
    if (!this.#channels.get(ch)?.size) return; // unsubscribed while this was on its way
    const named = this.#named.get(ch) ?? new Set();
    for (const number of numbers) named.add(number);
    for (const number of remove) named.delete(number);
    if (named.size > 0) this.#named.set(ch, named);
    else this.#named.delete(ch);
    this.#give(ch, numbers.length > 0 ? numbers.flatMap((number) => this.#told.get(number) ?? []) : upsert, remove);
    if (upsert.length === 0) return;
    for (const [channel, members] of this.#named) {
      const own = upsert.filter(({ host }) => members.has(host));
      if (own.length > 0) this.#give(channel, own, []);
    }
  }

  #give(ch: number, upsert: HostMap[], remove: number[]): void {
    for (const { sink } of this.#channels.get(ch) ?? []) sink.hosts?.(upsert, remove);
  }

  #subscribed({ id, ch, cursor }: Extract<ServerMessage, { op: "subscribed" }>): void {
    const subscription = this.#subscriptions.get(id);
    if (!subscription) return; // unsubscribed while the answer was on its way
    // Cut off before the first line, it goes on from here; one with a tail asks for the tail again.
    if (!subscription.wish.tail) subscription.cursor ??= cursor ?? null;
    subscription.ch = ch;
    const channel = this.#channels.get(ch) ?? new Set();
    channel.add(subscription);
    this.#channels.set(ch, channel);
    subscription.sink.began?.();
  }

  #failed(id: number | undefined, message: string): void {
    this.problem = message;
    const subscription = id === undefined ? undefined : this.#subscriptions.get(id);
    if (id === undefined || !subscription) return;
    if (subscription.cursor !== null) {
      // The hub cannot read our cursor any more: better the present than nothing.
      subscription.cursor = null;
      this.#ask(id, subscription);
      return;
    }
    this.#subscriptions.delete(id);
    subscription.sink.failed?.(message);
  }

  #measure(blocks: Block[], now: number): void {
    let newest = Number.NEGATIVE_INFINITY;
    for (const block of blocks) for (const time of block.time_ms) if (time > newest) newest = time;
    if (newest === Number.NEGATIVE_INFINITY) return;
    this.newest_ms = newest;
    this.delay_ms = Math.max(0, this.hubNow(now) - newest);
  }
}

/** Follows all hosts, and nothing of them. */
const isEveryone = (wish: Wish): boolean => wish.hosts === "*" && wish.series?.length === 0;

function deliver(
  message: Exclude<ServerMessage, { op: "welcome" | "subscribed" | "error" | "hosts" }>,
  subscription: Subscription,
): void {
  const { sink } = subscription;
  switch (message.op) {
    case "schema":
      sink.schema?.(message.schema, message.series);
      return;
    case "samples":
      sink.samples?.(message.blocks);
      return;
    case "lines":
      if (message.cursor.length > 0) subscription.cursor = message.cursor;
      sink.lines?.(message.batches);
      return;
    case "gap":
      sink.gap?.(message);
      return;
    case "counts":
      sink.counts?.(message);
      return;
  }
}
