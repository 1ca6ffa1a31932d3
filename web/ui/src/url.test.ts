import { describe, expect, test } from "vitest";
import { HOME, type Place, parseMoment, parsePlace, prefixOf, printPlace, spanMs } from "./url";

const read = (link: string): Place => {
  const [path = "", query = ""] = link.split("?");
  return parsePlace(path === "./" ? "" : path, query);
};

describe("the URL is the state", () => {
  test("an empty link is the fleet's table over everyone, live, five minutes", () => {
    expect(parsePlace("", "")).toEqual(HOME);
    expect(printPlace(HOME)).toBe("./");
  });

  test("every key comes back as it was printed", () => {
    const place: Place = {
      page: "host",
      host: "db-03 & friends/ä",
      hosts: "web-* & role=db | !(dc=fra1)",
      span: "5m",
      from: Date.UTC(2026, 10, 24, 12, 3, 11),
      to: Date.UTC(2026, 10, 24, 12, 4, 11, 250),
      at: Date.UTC(2026, 10, 24, 12, 3, 30),
      view: "heatmap",
      state: "lost",
      group: "role",
      sort: "-cpu",
      metric: "disk.util_pct",
      match: "(?i)error|a+b%20",
      not: "healthz?x=1&y",
      levels: ["error", "warn"],
      line: { host: "db-03", path: "/var/log/a:b.log", offset: 4_096 },
      focus: [],
      path: "/var/log/*",
      notPaths: ["/var/log/a,b.log", "/var/log/50%.log"],
      theme: "light",
      wall: true,
    };
    expect(read(printPlace(place))).toEqual(place);
  });

  test("a filter stays readable in the link", () => {
    expect(printPlace({ ...HOME, hosts: "role=db" })).toBe("./?hosts=role=db");
    expect(read("?hosts=role=db").hosts).toBe("role=db");
  });

  test("what cannot be read is left out", () => {
    expect(read("?span=soon&from=yesterday&view=pie&levels=loud&line=x&theme=pink&at=1e9")).toEqual(HOME);
    expect(read("nonsense?hosts=a").page).toBe("fleet");
    expect(read("?from=2000&to=1000").from).toBeNull();
  });

  test("a moment is epoch ms or ISO 8601, and UTC if it names no zone", () => {
    expect(parseMoment("2026-11-24T12:03:11")).toBe(Date.UTC(2026, 10, 24, 12, 3, 11));
    expect(parseMoment("2026-11-24T13:03:11+01:00")).toBe(Date.UTC(2026, 10, 24, 12, 3, 11));
    expect(parseMoment("1764000000000")).toBe(1_764_000_000_000);
    expect(parseMoment("2026-13-40")).toBeNull();
  });

  test("a span has a number and a unit", () => {
    expect(spanMs("15m")).toBe(900_000);
    expect(spanMs("0m")).toBeNull();
    expect(spanMs("m")).toBeNull();
  });

  test("the prefix is where the document's base lies", () => {
    expect(prefixOf("http://hub:7480/?hosts=a")).toBe("/");
    expect(prefixOf("http://hub/glass/logs?x=1")).toBe("/glass/");
  });

  test("a host may be named in the path, as people type it", () => {
    expect(read("host/db-03")).toMatchObject({ page: "host", host: "db-03" });
    expect(read("host/a%2Fb%")).toMatchObject({ page: "host", host: "a%2Fb%" });
    expect(read("host?host=x").host).toBe("x");
  });
});
