import { expect, test } from "vitest";
import { spanText } from "./spantext";

test("a picture's name says when", () => {
  expect(spanText({ from: null, to: null, span: "15m" }, "UTC")).toBe("last 15 m");
  const from = Date.UTC(2026, 10, 24, 12, 0, 0);
  expect(spanText({ from, to: from + 60_000, span: "5m" }, "UTC")).toBe("2026-11-24 12:00:00 to 2026-11-24 12:01:00");
  expect(spanText({ from, to: null, span: "5m" }, "UTC")).toBe("2026-11-24 12:00:00 to now");
});
