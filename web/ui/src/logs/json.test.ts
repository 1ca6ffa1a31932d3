import { expect, it } from "vitest";
import { jsonFields, jsonKeys } from "./json";

it("opens a line as a table, nested keys joined", () => {
  expect(jsonFields('{"msg":"slow","q":{"ms":12,"args":[true,null]},"e":{}}')?.fields).toEqual([
    { key: "msg", value: '"slow"', kind: "string" },
    { key: "q.ms", value: "12", kind: "number" },
    { key: "q.args[0]", value: "true", kind: "boolean" },
    { key: "q.args[1]", value: "null", kind: "null" },
    { key: "e", value: "{}", kind: "empty" },
  ]);
});

it("allows a prefix, brackets in it included", () => {
  expect(jsonFields('12:00 [7] app {"a":1}')).toEqual({
    start: 14,
    fields: [{ key: "a", value: "1", kind: "number" }],
  });
});

it.each(["plain", "{not json}", '{"a":1', "[1", '"text"', "7"])("says no to %s", (text) => {
  expect(jsonFields(text)).toBeNull();
});

it("finds keys, not values, and copes with quotes in strings", () => {
  const text = '{"a":"x\\"y","b c": 2}';
  expect(jsonKeys(text).map(([start, end]) => text.slice(start, end))).toEqual(['"a"', '"b c"']);
  expect(jsonKeys("no json")).toEqual([]);
});

it("stops at a bound in a document without end", () => {
  expect(jsonFields(JSON.stringify(Array.from({ length: 5000 }, (_, i) => i)))?.fields.length).toBe(200);
});
