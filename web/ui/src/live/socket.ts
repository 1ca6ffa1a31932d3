/**
 * The one socket of the page: a thin shell that gives `Session` what it cannot have, a WebSocket, a clock and a timer.
 *
 * Everything lives on the page's main thread. Where WebSockets are blocked, `events.ts` and `polling.ts` are
 * other `Wire`s; the session and all above it stay as they are.
 */
import { decode, encode } from "../protocol/codec";
import type { ClientMessage, ServerMessage, Wish } from "../protocol/messages";
import { type Link, Session, type Sink } from "./session";

/** One connection. It calls `receive` and, once, `close`. */
export interface Wire {
  send(message: ClientMessage): void;
  drop(): void;
}

export interface WireEvents {
  message(message: ServerMessage): void;
  /** A frame that no one could read. */
  unreadable(problem: string): void;
  close(): void;
}

export type Dial = (events: WireEvents) => Wire;

/** Dial the hub that served this page, below whatever prefix it was served. */
export function webSocket(base: string): Dial {
  return (events) => {
    const url = new URL("api/v1/live", base);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(url, ["fleetglass.v1"]);
    socket.binaryType = "arraybuffer";
    let over = false;
    const end = (): void => {
      if (over) return;
      over = true;
      events.close();
    };
    socket.onmessage = ({ data }) => {
      if (over) return;
      const decoded = decode(data as ArrayBuffer | string);
      if (decoded.message === null) events.unreadable(decoded.problem);
      else events.message(decoded.message);
    };
    socket.onclose = end;
    return {
      send: (message) => {
        if (socket.readyState === WebSocket.OPEN) socket.send(encode(message));
      },
      drop: () => {
        socket.close();
        // A frozen hub never answers the closing handshake.
        end();
      },
    };
  };
}

/** How the hub's words come here, in the order in which they are tried. */
export const WAYS = ["socket", "events", "polling"] as const;
export type Way = (typeof WAYS)[number];

// Tries of the socket that came to nothing while the hub answers by HTTP: then it is blocked, and another way is taken.
const BLOCKED_AFTER = 2;
// How often a page on another way looks whether the socket works again.
const LOOK_AGAIN_MS = 60_000;

const CLOCK_EVERY_MS = 60_000;
const CLOCK_READINGS = 3;

export class LiveSocket {
  readonly session: Session;
  /** The way that is taken now. */
  way: Way = "socket";
  readonly #dials: Record<Way, Dial>;
  readonly #probe: () => Promise<boolean>;
  readonly #isAnswering: () => Promise<boolean>;
  readonly #askTime: () => Promise<number>;
  #clockTimer: ReturnType<typeof setInterval> | null = null;
  #wire: Wire | null = null;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #lookTimer: ReturnType<typeof setInterval> | null = null;
  #trial: Wire | null = null;
  #failed = 0;
  /** Called whenever `link` may have changed. */
  onchange: ((link: Link) => void) | null = null;

  /** `isAnswering`: the hub is there and lets us in, so that a way that fails is blocked. */
  constructor(
    dials: Record<Way, Dial>,
    probe: () => Promise<boolean>,
    isAnswering: () => Promise<boolean>,
    askTime: () => Promise<number>,
  ) {
    this.#askTime = askTime;
    this.#dials = dials;
    this.#probe = probe;
    this.#isAnswering = isAnswering;
    this.session = new Session(performance.now(), Math.random);
  }

  start(): void {
    this.#turn();
    // The network is back, or the reader is: do not sit out the pause.
    addEventListener("online", () => this.retryNow());
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") this.retryNow();
    });
  }

  subscribe(wish: Wish, sink: Sink): () => void {
    const id = this.session.subscribe(wish, sink);
    this.#flush();
    return () => {
      this.session.unsubscribe(id);
      this.#flush();
    };
  }

  /** The hub's clock now; NaN before the first welcome. */
  hubNow(): number {
    return this.session.hubNow(performance.now());
  }

  retryNow(): void {
    this.session.retryNow(performance.now());
    this.#turn();
  }

  #turn(): void {
    const now = performance.now();
    switch (this.session.action(now)) {
      case "connect":
        this.#connect(this.#dials[this.way]);
        break;
      case "probe":
        void this.#probe().then((answered) => {
          this.session.probed(answered, performance.now());
          this.#turn();
        });
        break;
      case "drop":
        this.#wire?.drop();
        return; // `close` turns again
      case null:
        break;
    }
    this.#flush();
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#turn(), Math.max(20, this.session.nextTick() - performance.now()));
    this.onchange?.(this.session.link);
  }

  #connect(dial: Dial): void {
    let welcomed = false;
    const wire = dial({
      message: (message) => {
        if (wire !== this.#wire) return;
        welcomed ||= message.op === "welcome";
        this.#received(message);
      },
      unreadable: (problem) => {
        if (wire !== this.#wire) return;
        this.session.unreadable(problem, performance.now());
        console.warn(`fleetglass: ${problem}`);
      },
      close: () => {
        if (wire !== this.#wire) return;
        this.#wire = null;
        this.session.closed(performance.now());
        this.#ended(welcomed);
        this.#turn();
      },
    });
    this.#wire = wire;
  }

  /** Which way to go next: the one that worked; another only where the hub is there and this way is not. */
  #ended(welcomed: boolean): void {
    if (this.#lookTimer !== null) clearInterval(this.#lookTimer);
    this.#lookTimer = null;
    this.#trial?.drop();
    this.#trial = null;
    if (welcomed) {
      this.#failed = 0;
      return;
    }
    this.#failed++;
    if (this.way === "socket" && this.#failed < BLOCKED_AFTER) return;
    const { way } = this;
    void this.#isAnswering().then((answers) => {
      if (!answers || this.way !== way || this.session.link.state === "open") return;
      // After the last way the first again.
      this.way = WAYS[(WAYS.indexOf(way) + 1) % WAYS.length]!;
      this.#failed = 0;
      this.retryNow();
    });
  }

  #received(message: ServerMessage): void {
    const before = this.session.link.state;
    this.session.received(message, performance.now());
    this.#flush();
    if (this.session.link.state === before) return;
    if (this.session.link.state === "open") void this.#readClock();
    if (this.way !== "socket" && this.#lookTimer === null)
      this.#lookTimer = setInterval(() => this.#look(), LOOK_AGAIN_MS);
    this.#turn();
  }

  /** A few readings now, for the best of them, and one now and then: clocks drift, and machines sleep. */
  async #readClock(): Promise<void> {
    if (this.#clockTimer !== null) clearInterval(this.#clockTimer);
    this.#clockTimer = setInterval(() => void this.#readOnce(), CLOCK_EVERY_MS);
    for (let i = 0; i < CLOCK_READINGS; i++) await this.#readOnce();
  }

  async #readOnce(): Promise<void> {
    const asked = performance.now();
    const time_ms = await this.#askTime();
    this.session.clockRead(time_ms, asked, performance.now());
  }

  /** Try the socket beside the other way; once it is welcomed, change over. A line that swallows it holds one at most. */
  #look(): void {
    this.#trial?.drop();
    const trial = this.#dials.socket({
      message: () => {
        trial.drop();
        this.way = "socket";
        this.#wire?.drop();
      },
      unreadable: () => undefined,
      close: () => undefined,
    });
    this.#trial = trial;
  }

  #flush(): void {
    for (const message of this.session.outgoing()) this.#wire?.send(message);
  }
}

/** The hub's clock, by plain HTTP; NaN if it does not answer. */
export async function hubTime(base: string): Promise<number> {
  try {
    // A filter that matches nobody: the answer is little but the time.
    const answer = await fetch(new URL("api/v1/hosts?filter=!*", base), {
      cache: "no-store",
      headers: { Accept: "application/json" },
      signal: AbortSignal.timeout(10_000),
    });
    const { time_ms } = (await answer.json()) as { time_ms?: unknown };
    return typeof time_ms === "number" ? time_ms : Number.NaN;
  } catch {
    return Number.NaN;
  }
}

/** Ask the hub by plain HTTP whether it is there; a silent socket does not tell. */
export async function probeHub(base: string, within_ms = 3_500): Promise<boolean> {
  try {
    const answer = await fetch(new URL("healthz", base), { cache: "no-store", signal: AbortSignal.timeout(within_ms) });
    return answer.ok;
  } catch {
    return false;
  }
}
