import { expect, test } from "vitest";
import type { Item } from "../fleet/order";
import { filterFor, groupOf, plan, rowAt, rowNear } from "./heatplan";

interface Toy {
  name: string;
  mean: number;
}
const toys = (prefix: string, count: number): Toy[] =>
  Array.from({ length: count }, (_, i) => ({ name: `${prefix}-${i}`, mean: i === 2 ? Number.NaN : i }));
const grouped = (...groups: [value: string, hosts: Toy[]][]): Item<Toy>[] =>
  groups.flatMap(([value, hosts]): Item<Toy>[] => [
    { kind: "group", key: "role", value, hosts, folded: false },
    ...hosts.map((host): Item<Toy> => ({ kind: "host", host })),
  ]);
const ROOM = { top: 74, height: 400, ratio: 1 };
const mean = (host: Toy) => host.mean;

test("a host has a row of its own while there is a pixel for it, in the order that was asked for", () => {
  const hosts = toys("db", 4);
  const made = plan(
    hosts.map((host) => ({ kind: "host" as const, host })),
    ROOM,
    mean,
  );
  expect(made.per).toBe(1);
  expect(made.rowHeight).toBe(14);
  expect(made.rows.map(([host]) => host!.name)).toEqual(["db-0", "db-1", "db-2", "db-3"]);
  expect(rowAt(made, 74 + 14 * 3 + 1)).toBe(3);
  expect(rowAt(made, 73)).toBe(-1);
});

test("between groups there is nothing, and a hand that drags there means the nearest row", () => {
  const made = plan(grouped(["db", toys("db", 2)], ["web", toys("web", 2)]), ROOM, mean);
  const gap = 74 + 2 * 14 + 4;
  expect(rowAt(made, gap)).toBe(-1);
  expect([1, 2]).toContain(rowNear(made, gap));
  expect(rowNear(made, 1e6)).toBe(3);
  expect(groupOf(made, 2)?.value).toBe("web");
});

test("hosts that share a row are alike: the busiest together, those without data last", () => {
  const made = plan(grouped(["db", toys("db", 1_000)]), ROOM, mean);
  expect(made.per).toBeGreaterThan(1);
  expect(made.rows[0]!.map((host) => host.name)[0]).toBe("db-999");
  expect(made.rows.at(-1)!.at(-1)!.name).toBe("db-2");
  expect(made.rows.flat()).toHaveLength(1_000);
});

test("chosen rows become a filter: whole groups by their label, the rest by name", () => {
  const made = plan(grouped(["db", toys("db", 2)], ["web", toys("web", 3)]), ROOM, mean);
  expect(filterFor(made, 0, 1, "role", (host) => host.name)).toBe("role=db");
  expect(filterFor(made, 1, 2, "role", (host) => host.name)).toBe("db-1 | web-0");
  expect(filterFor(made, 0, 4, "role", (host) => host.name)).toBe("role=db | role=web");
});
