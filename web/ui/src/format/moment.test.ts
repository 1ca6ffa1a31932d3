import { expect, test } from "vitest";
import { typedMoment } from "./moment";

const NOW = Date.UTC(2026, 10, 24, 12, 3, 25);

test("moments are read as people type them", () => {
  const read = (text: string): string | null => {
    const ms = typedMoment(text, "UTC", NOW);
    return ms === null ? null : new Date(ms).toISOString().slice(0, 19);
  };
  expect(read("11:30")).toBe("2026-11-24T11:30:00");
  expect(read("13:00:05")).toBe("2026-11-23T13:00:05");
  expect(read("2026-11-23 18:00")).toBe("2026-11-23T18:00:00");
  expect(read("now-15m")).toBe("2026-11-24T11:48:25");
  expect(read("now")).toBe("2026-11-24T12:03:25");
  expect(read("-1h")).toBe("2026-11-24T11:03:25");
  expect(read("25:00")).toBeNull();
  expect(read("yesterday")).toBeNull();
  expect(read("")).toBeNull();
});
