import { expect, test } from "vitest";
import { complete } from "./complete";

const host = (name: string, labels: Record<string, string>) => ({ name, labels });
const HOSTS = [
  host("db-01", { role: "db", dc: "fra1" }),
  host("db-02", { role: "db", dc: "ams2" }),
  host("web-01", { role: "web", dc: "fra1" }),
];

test("after a key come its values with their counts, and what else one could mean", () => {
  const text = "role=db & dc=";
  const [values, more] = complete(text, text.length, HOSTS);
  expect(values?.title).toBe("dc is one of");
  expect(values?.options.map(({ term, count }) => [term, count])).toEqual([
    ["dc=fra1", 2],
    ["dc=ams2", 1],
  ]);
  expect(values?.options[0]?.text).toBe("role=db & dc=fra1");
  expect(more?.options.map(({ term, count }) => [term, count])).toEqual([
    ["dc=*", 3],
    ["!dc=fra1", 1],
  ]);
});

test("a value typed without its key is found, and so is part of a name", () => {
  const groups = complete("we", 2, HOSTS);
  expect(groups.flatMap((group) => group.options.map((option) => option.term))).toEqual(["role=web", "web-01"]);
});

test("an empty field offers keys and families of names", () => {
  const groups = complete("", 0, HOSTS);
  expect(groups.flatMap((group) => group.options.map((option) => option.term))).toEqual(["dc=", "role=", "db-*"]);
});

test("a choice replaces the word at the cursor and nothing else", () => {
  const [group] = complete("(role=d | x) & y", 7, HOSTS);
  expect(group?.options[0]).toMatchObject({ text: "(role=db | x) & y", cursor: 8 });
});
