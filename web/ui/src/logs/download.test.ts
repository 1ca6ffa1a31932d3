import { expect, it } from "vitest";
import { collect } from "./download";
import type { LogAnswer } from "./feed.svelte";

const line = (offset: number) => ({
  host: 1,
  name: "a",
  stream: 1,
  path: "/x",
  raw_ms: 0,
  time_ms: offset * 1000,
  offset,
  text: `l${offset}`,
});
const pages: Record<string, LogAnswer> = {
  first: { lines: [line(3), line(2)], next: "second", searched_to_ms: 2 },
  second: { lines: [line(1)], next: null, searched_to_ms: 0 },
};

it("writes pages that come newest first as a file that reads oldest first", async () => {
  const seen: number[] = [];
  const parts = await collect(
    async (cursor) => pages[cursor ?? "first"]!,
    "text",
    (lines) => seen.push(lines),
  );
  expect(
    parts
      .join("")
      .split("\n")
      .map((text) => text.split(" ").at(-1)),
  ).toEqual(["l1", "l2", "l3", ""]);
  expect(seen).toEqual([2, 3]);
});

it("writes one JSON object a line", async () => {
  const parts = await collect(
    async (cursor) => pages[cursor ?? "first"]!,
    "ndjson",
    () => {},
  );
  expect(
    parts
      .join("")
      .trim()
      .split("\n")
      .map((text) => JSON.parse(text).offset),
  ).toEqual([1, 2, 3]);
});
