import { expect, test } from "vitest";
import { isOlder } from "./version";

test("versions are compared as numbers, a candidate is older than its release, and nonsense than nothing", () => {
  expect(isOlder("0.4.1", "0.4.2")).toBe(true);
  expect(isOlder("0.10.0", "0.9.9")).toBe(false);
  expect(isOlder("0.4.2", "0.4.2")).toBe(false);
  expect(isOlder("0.4.2-rc1", "0.4.2")).toBe(true);
  expect(isOlder("0.4.2", "0.4.2-rc1")).toBe(false);
  expect(isOlder("dev", "0.4.2")).toBe(false);
});
