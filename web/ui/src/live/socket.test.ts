import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { ClientMessage, ServerMessage } from "../protocol/messages";
import { type Dial, LiveSocket, type Way, type WireEvents } from "./socket";

const WELCOME: ServerMessage = { op: "welcome", hub: "h", version: "1", time_ms: 1_000_000 };
type Line = "works" | "blocked" | "swallows";

/** The three ways to a hub whose lines can be blocked, and what was dialled, said and dropped on each. */
class Network {
  lines: Record<Way, Line> = { socket: "works", events: "works", polling: "works" };
  dialled: Way[] = [];
  open: { way: Way; events: WireEvents }[] = [];
  said: [Way, ClientMessage["op"]][] = [];
  readonly live: LiveSocket;

  constructor() {
    const dials = { socket: this.#dial("socket"), events: this.#dial("events"), polling: this.#dial("polling") };
    const yes = (): Promise<boolean> => Promise.resolve(true);
    this.live = new LiveSocket(dials, yes, yes, () => Promise.resolve(Number.NaN));
    this.live.subscribe(
      { hosts: "*", series: [] },
      {
        began: () => undefined,
        hosts: () => undefined,
        samples: () => undefined,
        lines: () => undefined,
        failed: () => undefined,
      },
    );
  }

  #dial(way: Way): Dial {
    return (events) => {
      this.dialled.push(way);
      const wire = { way, events };
      const line = this.lines[way];
      if (line !== "blocked") this.open.push(wire);
      queueMicrotask(() => {
        if (line === "works") events.message(WELCOME);
        if (line === "blocked") events.close();
      });
      return {
        send: (message) => this.said.push([way, message.op]),
        drop: () => {
          this.open = this.open.filter((one) => one !== wire);
          events.close();
        },
      };
    };
  }

  ways(): Way[] {
    return this.open.map((one) => one.way);
  }
}

/** The hub's heartbeat: without it the session takes a silent line for dead. */
async function pass(network: Network, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 1_000) {
    for (const { way, events } of network.open)
      if (network.lines[way] === "works") events.message({ op: "samples", ch: 1, blocks: [] });
    await vi.advanceTimersByTimeAsync(Math.min(1_000, ms - passed));
  }
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["performance", "setTimeout", "clearTimeout", "setInterval", "clearInterval"] });
});
afterEach(() => {
  vi.useRealTimers();
});

async function blocked(): Promise<Network> {
  const network = new Network();
  network.lines.socket = "blocked";
  network.live.retryNow();
  await pass(network, 5_000);
  expect(network.live.way).toBe("events");
  expect(network.live.session.link.state).toBe("open");
  network.dialled = [];
  return network;
}

test("a blocked socket is tried twice, then the page goes by events, and by polls where these are blocked too", async () => {
  const network = new Network();
  network.lines.socket = "blocked";
  network.lines.events = "blocked";
  network.live.retryNow();
  await pass(network, 10_000);
  expect(network.dialled).toEqual(["socket", "socket", "events", "polling"]);
  expect(network.ways()).toEqual(["polling"]);
  expect(network.said).toEqual([["polling", "subscribe"]]);
});

test("each minute the page looks whether the socket works again, and changes over only when it is welcomed", async () => {
  const network = await blocked();
  await pass(network, 54_000);
  expect(network.dialled).toEqual([]);
  await pass(network, 7_000);
  expect(network.dialled).toEqual(["socket"]);
  expect(network.live.way).toBe("events");
  expect(network.ways()).toEqual(["events"]);
  network.lines.socket = "works";
  await pass(network, 60_000);
  expect(network.live.way).toBe("socket");
  expect(network.ways()).toEqual(["socket"]);
  expect(network.live.session.link.state).toBe("open");
  expect(network.said.at(-1)).toEqual(["socket", "subscribe"]);
  network.dialled = [];
  await pass(network, 180_000);
  expect(network.dialled).toEqual([]);
});

test("a look that gets no answer is given up by the next, and the page stays where it works", async () => {
  const network = await blocked();
  network.lines.socket = "swallows";
  await pass(network, 200_000);
  expect(network.dialled).toEqual(["socket", "socket", "socket"]);
  expect(network.ways()).toEqual(["events", "socket"]);
  expect(network.live.session.link.state).toBe("open");
});
