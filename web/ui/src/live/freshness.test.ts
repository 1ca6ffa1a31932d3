import { expect, test } from "vitest";
import { freshness } from "./freshness";
import type { Link } from "./session";

const OPEN: Link = { state: "open", since: 0 };
const quiet = { age_ms: Number.NaN, delay_ms: Number.NaN, due: false };

test("live says how late samples come, not how old they grow between two frames", () => {
  expect(freshness(OPEN, 0, { age_ms: 980, delay_ms: 12, due: true }, true)).toEqual({ kind: "live", delay_ms: 12 });
});

test("more than a second is behind, whether frames come late or stop coming", () => {
  expect(freshness(OPEN, 0, { age_ms: 2_500, delay_ms: 2_300, due: true }, true)).toEqual({
    kind: "behind",
    by_ms: 2_300,
  });
  expect(freshness(OPEN, 0, { age_ms: 5_000, delay_ms: 12, due: true }, true)).toEqual({
    kind: "behind",
    by_ms: 4_000,
  });
});

test("a link that is open and brings no sample of a live host is not live", () => {
  const silent = { ...quiet, due: true };
  expect(freshness(OPEN, 500, silent, true).kind).toBe("connecting");
  expect(freshness(OPEN, 5_000, silent, true)).toEqual({ kind: "behind", by_ms: 5_000 });
});

test("a fleet without a live host owes no samples, and the link is live all the same", () => {
  expect(freshness(OPEN, 0, { age_ms: 60_000, delay_ms: 12, due: false }, true).kind).toBe("live");
});

test("a lost hub is reconnecting at first and unreachable soon", () => {
  const link: Link = { state: "waiting", attempt: 3, since: 1_000, until: 6_000 };
  expect(freshness(link, 2_000, quiet, true)).toEqual({ kind: "reconnecting", attempt: 3, in_ms: 4_000 });
  expect(freshness(link, 6_500, quiet, true)).toEqual({ kind: "unreachable", for_ms: 5_500, in_ms: 0 });
});

test("the first try is connecting, and not for ever", () => {
  const link: Link = { state: "connecting", attempt: 1, since: 0 };
  expect(freshness(link, 100, quiet, false).kind).toBe("connecting");
  expect(freshness(link, 6_000, quiet, false).kind).toBe("unreachable");
});
