/**
 * The one socket of the page: a thin shell that gives `Session` what it cannot have, a WebSocket, a clock and a timer.
 *
 * Everything lives on the page's main thread. Another way to the hub (server-sent events, polling) would be another
 * `Wire`; the session and all above it stay as they are.
 */
import { decode, encode } from "../protocol/codec";
import type { ClientMessage, Wish } from "../protocol/messages";
import { type Link, Session, type Sink } from "./session";

/** One connection. It calls `receive` and, once, `close`. */
export interface Wire {
  send(message: ClientMessage): void;
  drop(): void;
}

export interface WireEvents {
  receive(data: ArrayBuffer | string): void;
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
      if (!over) events.receive(data as ArrayBuffer | string);
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

export class LiveSocket {
  readonly session: Session;
  readonly #dial: Dial;
  readonly #probe: () => Promise<boolean>;
  #wire: Wire | null = null;
  #timer: ReturnType<typeof setTimeout> | null = null;
  /** Called whenever `link` may have changed. */
  onchange: ((link: Link) => void) | null = null;

  constructor(dial: Dial, probe: () => Promise<boolean>) {
    this.#dial = dial;
    this.#probe = probe;
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
        this.#connect();
        break;
      case "probe":
        void this.#probe().then((answered) => {
          this.session.probed(answered, performance.now());
          this.#turn();
        });
        break;
      case "drop":
        this.#wire?.drop();
        return; // `closed` turns again
      case null:
        break;
    }
    this.#flush();
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#turn(), Math.max(20, this.session.nextTick() - performance.now()));
    this.onchange?.(this.session.link);
  }

  #connect(): void {
    const wire = this.#dial({
      receive: (data) => {
        if (wire === this.#wire) this.#receive(data);
      },
      close: () => {
        if (wire !== this.#wire) return;
        this.#wire = null;
        this.session.closed(performance.now());
        this.#turn();
      },
    });
    this.#wire = wire;
  }

  #receive(data: ArrayBuffer | string): void {
    const now = performance.now();
    const before = this.session.link.state;
    const decoded = decode(data);
    if (decoded.message === null) {
      this.session.unreadable(decoded.problem, now);
      console.warn(`fleetglass: ${decoded.problem}`);
    } else this.session.received(decoded.message, now);
    this.#flush();
    if (this.session.link.state !== before) this.#turn();
  }

  #flush(): void {
    for (const message of this.session.outgoing()) this.#wire?.send(message);
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
