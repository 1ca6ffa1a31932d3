import { describe, expect, test } from "vitest";
import { decode } from "../protocol/codec";
import type { HostMap, ServerMessage } from "../protocol/messages";
import { Session, type Sink } from "./session";

const WELCOME: ServerMessage = { op: "welcome", hub: "h", version: "1", time_ms: 1_000_000 };
const opened = (): Session => {
  const session = new Session(0, () => 0.5);
  expect(session.action(0)).toBe("connect");
  session.received(WELCOME, 10);
  return session;
};
const host = (number: number, name: string): HostMap => {
  const { message } = decode({ op: "hosts", ch: 1, upsert: [{ host: number, name, state: "live" }], remove: [] });
  if (message?.op !== "hosts") throw new Error("no hosts");
  return message.upsert[0]!;
};
const heard = (): { calls: string[]; sink: Sink } => {
  const calls: string[] = [];
  return {
    calls,
    sink: {
      began: () => calls.push("began"),
      hosts: (upsert) => calls.push(`hosts ${upsert.map(({ name }) => name).join(" ")}`),
      samples: () => calls.push("samples"),
      lines: (batches) => calls.push(`lines ${batches.length}`),
      failed: (message) => calls.push(`failed: ${message}`),
    },
  };
};

describe("subscriptions", () => {
  test("wait for the welcome, and get what their channel brings", () => {
    const session = new Session(0, () => 0.5);
    const { calls, sink } = heard();
    session.subscribe({ hosts: "a", series: [] }, sink);
    expect(session.outgoing()).toEqual([]);
    session.received(WELCOME, 10);
    expect(session.outgoing()).toEqual([{ op: "subscribe", id: 1, hosts: "a", series: [] }]);
    session.received({ op: "subscribed", id: 1, ch: 7 }, 11);
    session.received({ op: "hosts", ch: 7, upsert: [], numbers: [], remove: [] }, 12);
    session.received({ op: "samples", ch: 8, blocks: [] }, 13);
    expect(calls).toEqual(["began", "hosts "]);
  });

  test("two that the hub answers with one channel both hear it, until each ends", () => {
    const session = opened();
    const first = heard();
    const second = heard();
    const id = session.subscribe({ hosts: "a" }, first.sink);
    session.subscribe({ hosts: "a" }, second.sink);
    session.received({ op: "subscribed", id: 1, ch: 7 }, 11);
    session.received({ op: "subscribed", id: 2, ch: 7 }, 11);
    session.unsubscribe(id);
    session.received({ op: "samples", ch: 7, blocks: [] }, 13);
    expect(first.calls).toEqual(["began"]);
    expect(second.calls).toEqual(["began", "samples"]);
  });

  test("ask for numbers once another one is told every host, and hear whole hosts, also of numbers that came first", () => {
    const session = opened();
    const everyone = heard();
    const web = heard();
    session.subscribe({ hosts: "*", series: [] }, everyone.sink);
    session.subscribe({ hosts: "web-*" }, web.sink);
    expect(session.outgoing()).toEqual([
      { op: "subscribe", id: 1, hosts: "*", series: [] },
      { op: "subscribe", id: 2, hosts: "web-*", numbers: true },
    ]);
    session.received({ op: "subscribed", id: 1, ch: 7 }, 11);
    session.received({ op: "subscribed", id: 2, ch: 8 }, 11);
    session.received({ op: "hosts", ch: 7, upsert: [host(0, "db-1"), host(1, "web-1")], numbers: [], remove: [] }, 12);
    session.received({ op: "hosts", ch: 8, upsert: [], numbers: [1, 2, 3], remove: [] }, 13);
    session.received({ op: "hosts", ch: 8, upsert: [], numbers: [], remove: [3] }, 14);
    session.received({ op: "hosts", ch: 7, upsert: [host(2, "web-2"), host(3, "web-3")], numbers: [], remove: [] }, 15);
    expect(everyone.calls).toEqual(["began", "hosts db-1 web-1", "hosts web-2 web-3"]);
    expect(web.calls).toEqual(["began", "hosts web-1", "hosts ", "hosts web-2"]);
  });

  test("hear of a change of a host that they named, also if its number came first, until they end", () => {
    const session = opened();
    const web = heard();
    session.subscribe({ hosts: "*", series: [] }, heard().sink);
    const end = session.subscribe({ hosts: "web-*" }, web.sink);
    session.received({ op: "subscribed", id: 1, ch: 7 }, 11);
    session.received({ op: "subscribed", id: 2, ch: 8 }, 11);
    session.received({ op: "hosts", ch: 7, upsert: [host(1, "web-1")], numbers: [], remove: [] }, 12);
    session.received({ op: "hosts", ch: 8, upsert: [], numbers: [1], remove: [] }, 13);
    session.received({ op: "hosts", ch: 8, upsert: [], numbers: [1], remove: [] }, 14);
    session.received({ op: "hosts", ch: 7, upsert: [host(1, "web-1-renamed")], numbers: [], remove: [] }, 15);
    session.unsubscribe(end);
    session.received({ op: "hosts", ch: 7, upsert: [host(1, "web-1")], numbers: [], remove: [] }, 16);
    expect(web.calls).toEqual(["began", "hosts web-1", "hosts web-1", "hosts web-1-renamed"]);
  });

  test("are asked again after a break, lines from where they stopped", () => {
    const session = opened();
    const { sink } = heard();
    session.subscribe({ hosts: "a", logs: {}, tail: 10 }, sink);
    session.received({ op: "subscribed", id: 1, ch: 7 }, 11);
    session.received({ op: "lines", ch: 7, cursor: "c41", batches: [] }, 12);
    session.outgoing();
    session.closed(20);
    expect(session.link).toEqual({ state: "waiting", attempt: 1, since: 20, until: 20 + 225 });
    expect(session.action(200)).toBeNull();
    expect(session.action(245)).toBe("connect");
    session.received(WELCOME, 300);
    expect(session.outgoing()).toEqual([{ op: "subscribe", id: 1, hosts: "a", logs: {}, tail: 10, resume: "c41" }]);
  });

  test("go on from where they began when they are cut off before the first line", () => {
    const session = opened();
    const { sink } = heard();
    session.subscribe({ hosts: "a", logs: {} }, sink);
    session.subscribe({ hosts: "a", logs: {}, tail: 5 }, sink);
    session.received({ op: "subscribed", id: 1, ch: 7, cursor: "c0" }, 11);
    session.received({ op: "subscribed", id: 2, ch: 8, cursor: "c0" }, 11);
    session.outgoing();
    session.closed(20);
    session.received(WELCOME, 300);
    expect(session.outgoing()).toEqual([
      { op: "subscribe", id: 1, hosts: "a", logs: {}, resume: "c0" },
      { op: "subscribe", id: 2, hosts: "a", logs: {}, tail: 5 },
    ]);
  });

  test("a cursor that the hub cannot read any more is dropped, not the subscription", () => {
    const session = opened();
    const { calls, sink } = heard();
    session.subscribe({ hosts: "a", logs: {} }, sink);
    session.received({ op: "subscribed", id: 1, ch: 7 }, 11);
    session.received({ op: "lines", ch: 7, cursor: "old", batches: [] }, 12);
    session.closed(20);
    session.received(WELCOME, 300);
    session.outgoing();
    session.received({ op: "error", id: 1, message: "cursor: of another hub" }, 301);
    expect(session.outgoing()).toEqual([{ op: "subscribe", id: 1, hosts: "a", logs: {} }]);
    expect(calls).not.toContain("failed: cursor: of another hub");
  });

  test("one that the hub refuses hears why, and is over", () => {
    const session = opened();
    const { calls, sink } = heard();
    session.subscribe({ hosts: "a &" }, sink);
    session.received({ op: "error", id: 1, message: "ends after '&'" }, 11);
    expect(calls).toEqual(["failed: ends after '&'"]);
    session.closed(20);
    session.received(WELCOME, 300);
    expect(session.outgoing()).toEqual([]);
  });
});

describe("a hub that is away", () => {
  test("is tried ever more slowly, and never more slowly than every five seconds", () => {
    const session = new Session(0, () => 1);
    let now = 0;
    const pauses: number[] = [];
    for (let i = 0; i < 8; i++) {
      session.action(now);
      session.closed(now);
      const link = session.link;
      if (link.state !== "waiting") throw new Error(link.state);
      pauses.push(link.until - now);
      now = link.until;
    }
    expect(pauses).toEqual([600, 1_200, 2_400, 4_800, 5_000, 5_000, 5_000, 5_000]);
    expect(session.link).toMatchObject({ since: 0, attempt: 9 });
  });

  test("that says nothing is asked by HTTP, and dropped when it does not answer", () => {
    const session = opened();
    expect(session.action(4_000)).toBeNull();
    expect(session.action(4_010)).toBe("probe");
    expect(session.action(4_020)).toBeNull();
    session.probed(true, 4_100);
    expect(session.action(8_100)).toBe("probe");
    session.probed(false, 8_200);
    expect(session.action(8_200)).toBe("drop");
  });

  test("whose frames come after all is not dropped", () => {
    const session = opened();
    expect(session.action(4_010)).toBe("probe");
    session.received({ op: "samples", ch: 1, blocks: [] }, 4_050);
    session.probed(false, 4_060);
    expect(session.action(4_070)).toBeNull();
  });

  test("that never opens the socket is dropped", () => {
    const session = new Session(0, () => 0.5);
    session.action(0);
    expect(session.action(7_999)).toBeNull();
    expect(session.action(8_000)).toBe("drop");
  });
});

test("the delay is measured against the hub's clock, whatever the browser's says", () => {
  const session = opened();
  session.received(
    {
      op: "samples",
      ch: 1,
      blocks: [
        { schema: 0, hosts: Uint32Array.of(1), time_ms: Float64Array.of(1_000_490), values: new Float32Array(0) },
      ],
    },
    510,
  );
  expect(session.newest_ms).toBe(1_000_490);
  expect(session.delay_ms).toBe(10);
});

test("a slow way is no late clock: the hub's time lies half-way between question and answer", () => {
  const session = opened();
  // The welcome took 2 s, so the clock seemed 2 s late.
  session.clockRead(1_003_000, 1_000, 5_000);
  expect(session.hubNow(3_000)).toBe(1_003_000);
  // A reading with a longer round trip is worse, and not taken.
  session.clockRead(1_020_000, 10_000, 20_000);
  expect(session.hubNow(3_000)).toBe(1_003_000);
  session.clockRead(1_020_010, 20_000, 20_020);
  expect(session.hubNow(20_010)).toBe(1_020_010);
});
