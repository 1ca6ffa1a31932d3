/**
 * The page's one connection to its hub, and what components show of it.
 *
 * `hub.subscribe` for data, `hub.link` for the state, `hub.now()` for the hub's clock. `hub.clock_ms` ticks four times a
 * second for everything that shows an age: reading it in a component makes the age count on.
 */
import type { Wish } from "../protocol/messages";
import { serverEvents } from "./events";
import { type Freshness, freshness } from "./freshness";
import { polling } from "./polling";
import type { Link, Sink } from "./session";
import { signin } from "./signin.svelte";
import { hubTime, LiveSocket, probeHub, type Way, webSocket } from "./socket";

/** Below this address lie `api/` and the pages. */
export const BASE = new URL(".", document.baseURI).href;

class Hub {
  readonly #socket = new LiveSocket(
    { socket: webSocket(BASE), events: serverEvents(BASE), polling: polling(BASE) },
    () => {
      // A refused connection may mean that this browser must sign in (again).
      void signin.check(BASE);
      return probeHub(BASE);
    },
    async () => {
      await signin.check(BASE);
      // Before the password every way is shut, and none is blocked.
      return !signin.needed && (await probeHub(BASE));
    },
    () => hubTime(BASE),
  );
  #link: Link = $state.raw(this.#socket.session.link);
  #clock = $state(0);
  #second = $state(0);
  #version = $state("");
  #way: Way = $state("socket");

  /** Once, from `main.ts`. */
  start(): void {
    this.#socket.onchange = (link) => {
      this.#link = link;
      this.#way = this.#socket.way;
      this.#version = this.#socket.session.version;
      this.#tick();
    };
    void signin.check(BASE);
    this.#socket.start();
    setInterval(() => this.#tick(), 250);
  }

  get link(): Link {
    return this.#link;
  }

  /** How the hub's words come: by its socket, or round it where something blocks that. */
  get way(): Way {
    return this.#way;
  }

  get version(): string {
    return this.#version;
  }

  /** The hub's clock as of the last tick, for ages in components; meaningless before the first welcome. */
  get clock_ms(): number {
    return this.#clock;
  }

  /** The same, but once a second: for tables full of ages. */
  get second_ms(): number {
    return this.#second;
  }

  /** How fresh what is shown is; counts on with the clock. `due`: samples of a live host are subscribed. */
  freshness(due: boolean): Freshness {
    void this.#clock;
    const { session } = this.#socket;
    const now = performance.now();
    const measured = {
      age_ms: session.hubNow(now) - session.newest_ms,
      delay_ms: session.delay_ms,
      due: due && session.metric,
    };
    return freshness(this.#link, now, measured, session.version !== "" || session.hub !== "");
  }

  /** The hub's clock now, not reactive; NaN before the first welcome. */
  now(): number {
    return this.#socket.hubNow();
  }

  /** Newest sample received and its delay, not reactive. */
  get newest_ms(): number {
    return this.#socket.session.newest_ms;
  }

  get delay_ms(): number {
    return this.#socket.session.delay_ms;
  }

  /** Ask for data until the answer is called. */
  subscribe(wish: Wish, sink: Sink): () => void {
    return this.#socket.subscribe(wish, sink);
  }

  retryNow(): void {
    this.#socket.retryNow();
  }

  #tick(): void {
    const now = this.#socket.hubNow();
    // Before the first welcome the browser's own time makes the waiting count.
    this.#clock = Number.isNaN(now) ? performance.now() : now;
    if (Math.abs(this.#clock - this.#second) >= 1_000) this.#second = this.#clock;
  }
}

export const hub = new Hub();
