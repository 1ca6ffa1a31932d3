import { expect, it } from "vitest";
import type { GapRow } from "../logs/tail";
import { gapText } from "./gaptext";

const gap = (more: Partial<GapRow>): GapRow => ({
  kind: "gap",
  id: 1,
  host: 1,
  stream: 1,
  path: "/var/log/app.log",
  fromMs: 43_387_000,
  toMs: 43_401_000,
  lines: null,
  bytes: null,
  why: "agent-away",
  ...more,
});
const name = () => "api-07";

it("says who was away, how long, and that the lines are here", () => {
  expect(gapText(gap({ lines: 388 }), name).text).toBe(
    "api-07 app.log: agent away 14 s (12:03:07 – 12:03:21), its 388 lines came late and stand in order",
  );
});

it("offers to load what the page was too slow for", () => {
  expect(gapText(gap({ why: "slow-reader", lines: 1_240 }), name)).toEqual({
    text: "1,240 lines not shown, arrived faster than the page reads",
    action: "load them",
  });
});

it("gives bytes where nobody counted lines", () => {
  expect(gapText(gap({ why: "truncated", bytes: 4_096 }), name).text).toContain("4.00 KiB of it were not read");
});
