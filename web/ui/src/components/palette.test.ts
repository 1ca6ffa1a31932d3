import { expect, test } from "vitest";
import { best, fitOf, pieces } from "./palette";

test("db3 means db-03", () => {
  const found = best("db3", ["build-03", "db-13", "db-03", "web-03"], (name) => name, 3).map(({ one }) => one);
  expect(found[0]).toBe("db-03");
  expect(found).not.toContain("web-03");
});

test("letters that stand together come first", () => {
  expect(best("web", ["we-build", "web-1", "my-web-1"], (name) => name, 3).map(({ one }) => one)).toEqual([
    "web-1",
    "my-web-1",
    "we-build",
  ]);
});

test("what was typed is marked, and nothing else", () => {
  expect(pieces("db-03", fitOf("db3", "db-03")!.at)).toEqual([
    { text: "db", hit: true },
    { text: "-0", hit: false },
    { text: "3", hit: true },
  ]);
  expect(fitOf("xyz", "db-03")).toBeNull();
});
