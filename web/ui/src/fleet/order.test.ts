import { describe, expect, test } from "vitest";
import type { HostState } from "../protocol/messages";
import { hold, type Item, order, type Wish } from "./order";

interface Row {
  name: string;
  labels: Record<string, string>;
  state: HostState;
  cpu: number;
}
const row = (name: string, cpu: number, role = "", state: HostState = "live"): Row => ({
  name,
  cpu,
  state,
  labels: role === "" ? {} : { role },
});
const BY_CPU: Wish<Row> = {
  group: "",
  figure: (host) => host.cpu,
  groupFigure: (hosts) => hosts.reduce((sum, host) => sum + host.cpu, 0) / hosts.length,
  descending: true,
  folded: new Set(),
};
const shown = (items: Item<Row>[]): string[] =>
  items.map((item) => (item.kind === "host" ? item.host.name : `[${item.value}]`));

describe("order", () => {
  test("the busiest stands first, the lost sink, the unmeasured come last among the live", () => {
    const hosts = [
      row("a", 10),
      row("b", 90),
      row("gone", 99, "", "lost"),
      row("blind", Number.NaN),
      row("slow", 50, "", "late"),
    ];
    expect(shown(order(hosts, BY_CPU))).toEqual(["b", "slow", "a", "blind", "gone"]);
    expect(shown(order(hosts, { ...BY_CPU, descending: false }))).toEqual(["a", "slow", "b", "blind", "gone"]);
  });

  test("names with numbers stand as people count", () => {
    const hosts = ["db-10", "db-2", "db-1"].map((name) => row(name, 1));
    expect(shown(order(hosts, { ...BY_CPU, figure: null, descending: false }))).toEqual(["db-1", "db-2", "db-10"]);
    expect(shown(order(hosts, BY_CPU))).toEqual(["db-1", "db-2", "db-10"]);
  });

  test("groups order by the same figure as their rows, those without the label stand last", () => {
    const hosts = [row("x", 99), row("web-1", 10, "web"), row("db-1", 60, "db"), row("db-2", 80, "db")];
    const wish = { ...BY_CPU, group: "role" };
    expect(shown(order(hosts, wish))).toEqual(["[db]", "db-2", "db-1", "[web]", "web-1", "[]", "x"]);
    expect(shown(order(hosts, { ...wish, folded: new Set(["db"]) }))).toEqual(["[db]", "[web]", "web-1", "[]", "x"]);
  });
});

describe("an order that is held while someone points at it", () => {
  test("stays, and says how many would move", () => {
    const before = order([row("a", 3), row("b", 2), row("c", 1)], BY_CPU);
    const hosts = [row("a", 1), row("b", 2), row("c", 1.5)];
    const a = hosts[0]!;
    const b = hosts[1]!;
    const c = hosts[2]!;
    const held = hold(
      [
        { kind: "host", host: a },
        { kind: "host", host: b },
        { kind: "host", host: c },
      ] as Item<Row>[],
      order(hosts, BY_CPU),
    );
    expect(shown(held.items)).toEqual(shown(before));
    expect(held.moved).toBe(1);
  });

  test("lets hosts come and go where they belong", () => {
    const [a, b, c] = [row("a", 3), row("b", 2), row("c", 1)];
    const held = order([a, c], BY_CPU);
    expect(shown(hold(held, order([a, b], BY_CPU)).items)).toEqual(["a", "b"]);
    expect(hold(held, order([a, b], BY_CPU)).moved).toBe(0);
  });
});
