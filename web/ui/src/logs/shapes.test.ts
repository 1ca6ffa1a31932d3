import { expect, it } from "vitest";
import { commonShapes, patternOf, shapeOf } from "./shapes";

it("takes numbers, ids and time stamps out", () => {
  expect(shapeOf("2026-03-01T12:03:11.313Z duration: 1843.221 ms")).toBe("duration: # ms");
  expect(shapeOf('{"level":"info","msg":"upstream timeout","trace":"51ce7d02"}')).toBe("upstream timeout");
});

it("names an access log's line by its request, and JSON by what it is about", () => {
  expect(shapeOf('198.51.100.7 - - [24/Nov/2026:23:58:35 +0000] "GET /v1/orders/88190?x=1 HTTP/1.1" 200 1822')).toBe(
    "GET /v1/orders/#",
  );
  expect(shapeOf('{"time":"2026-11-24 23:58:35","route":"GET /stock","ms":4.2}')).toBe("GET /stock");
});

it("makes a pattern that finds its own lines", () => {
  const line = "duration: 1843.221 ms (x+y)";
  expect(new RegExp(patternOf(shapeOf(line))).test(line)).toBe(true);
});

it("counts the commonest, with their share of all", () => {
  expect(commonShapes(["a 1", "a 2", "a 3", "b"], 5)).toEqual([["a #", 0.75]]);
});
