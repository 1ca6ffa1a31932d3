import { expect, test } from "vitest";
import type { HostMap } from "../protocol/messages";
import { changes, Lines, Rows } from "./rows";

test("a body cut anywhere gives the same lines", () => {
  const body = '{"a":1}\n{"b":2}\n';
  for (let cut = 0; cut <= body.length; cut++) {
    const lines = new Lines();
    expect([...lines.take(body.slice(0, cut)), ...lines.take(body.slice(cut))]).toEqual(['{"a":1}', '{"b":2}']);
  }
});

test("rows become columns, and their names a schema that is said once", () => {
  const rows = new Rows(7);
  const line = (host: number, time: number, value: number | null) =>
    JSON.stringify({ host, name: "x", time_ms: time, values: { "cpu.user_pct": value, "load.1m": 2 } });
  const [schema, samples] = rows.messages([line(1, 10, 5), line(2, 11, null)]);
  expect(schema).toEqual({ op: "schema", ch: 7, schema: 0, series: ["cpu.user_pct", "load.1m"] });
  if (samples?.op !== "samples") throw new Error(samples?.op);
  expect([...samples.blocks[0]!.hosts]).toEqual([1, 2]);
  expect([...samples.blocks[0]!.values]).toEqual([5, 2, Number.NaN, 2]);
  expect(rows.messages([line(1, 12, 6)]).map((message) => message.op)).toEqual(["samples"]);
});

test("lines keep their order, their offsets and the newest cursor; a gap stands between them", () => {
  const line = (offset: number, cursor?: string) =>
    JSON.stringify({ host: 1, name: "x", stream: 0, path: "/a", time_ms: 5, offset, text: "ä", cursor });
  const messages = new Rows(3).messages([
    line(0),
    line(3, "c1"),
    '{"gap":{"host":1,"stream":0,"from_ms":1,"to_ms":2,"why":"truncated"}}',
    line(6, "c2"),
  ]);
  expect(messages.map((message) => message.op)).toEqual(["lines", "gap", "lines"]);
  const [first] = messages;
  if (first?.op !== "lines") throw new Error(first?.op);
  expect(first.cursor).toBe("c1");
  expect(first.batches.map((batch) => batch.lines[0]![0])).toEqual([0, 3]);
  expect([...first.batches[0]!.lines[0]![1]]).toEqual([0xc3, 0xa4]);
});

test("what is no row is left out", () => {
  expect(new Rows(1).messages(["", "{", "[]", "7", '{"x":1}'])).toEqual([]);
});

test("hosts are told when something of them changed, not for a mere newer sample", () => {
  const host = (number: number, state: string, last_ms: number) =>
    ({
      host: number,
      name: `h${number}`,
      state,
      last_ms,
      labels: {},
      problems: [],
      clock_offset_ms: 1,
    }) as unknown as HostMap;
  const known = new Map<number, string>();
  expect(changes(known, [host(1, "live", 1), host(2, "live", 1)])?.upsert.length).toBe(2);
  expect(changes(known, [host(1, "live", 9), host(2, "live", 9)])).toBeNull();
  expect(changes(known, [host(1, "lost", 9)])).toMatchObject({ upsert: [{ host: 1 }], remove: [2] });
});
