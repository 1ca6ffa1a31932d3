/**
 * What the filter field offers while someone writes: keys, values and names that exist, with how many hosts have each.
 *
 * In: the text, the cursor, and the hosts to count over. Out: groups of options, each with the text that it would make.
 * Counts are of plain names and labels; which hosts a whole filter matches is the hub's to say.
 */
import { atCursor } from "./filtertext";
import { byName } from "./order";

export interface Named {
  name: string;
  labels: Readonly<Record<string, string>>;
}

export interface Option {
  /** The term as it is shown, in the filter's language. */
  term: string;
  note: string;
  count: number;
  /** The whole filter with the term in it, and where the cursor stands then. */
  text: string;
  cursor: number;
}

export interface OptionGroup {
  title: string;
  options: Option[];
}

// As many as fit below the field on a laptop.
const VALUES_MAX = 8;
const NAMES_MAX = 5;
const KEYS_MAX = 6;

export function complete(text: string, cursor: number, all: readonly Named[]): OptionGroup[] {
  const at = atCursor(text, cursor);
  const put = (term: string, note: string, count: number, start = at.start): Option => ({
    term,
    note,
    count,
    text: text.slice(0, start) + term + text.slice(at.end),
    cursor: start + term.length,
  });
  if (at.key !== null) return ofKey(at.key, at.typed, at.start - at.key.length - 1, text, put, all);

  const typed = at.typed.toLowerCase();
  const groups: OptionGroup[] = [];
  const keys = counted(all.flatMap((host) => Object.keys(host.labels))).filter(([key]) =>
    key.toLowerCase().startsWith(typed),
  );
  const pairs =
    typed === ""
      ? []
      : counted(all.flatMap((host) => Object.entries(host.labels).map(([key, value]) => `${key}=${value}`))).filter(
          ([pair]) =>
            pair
              .slice(pair.indexOf("=") + 1)
              .toLowerCase()
              .startsWith(typed),
        );
  if (pairs.length > 0)
    groups.push({ title: "labels", options: pairs.slice(0, NAMES_MAX).map(([pair, count]) => put(pair, "", count)) });
  if (keys.length > 0)
    groups.push({
      title: "labels that hosts have",
      options: keys.slice(0, KEYS_MAX).map(([key, count]) => put(`${key}=`, "", count)),
    });
  const names = all
    .map((host) => host.name)
    .filter((name) => name.toLowerCase().includes(typed.replaceAll("*", "")))
    .sort(
      (a, b) => Number(b.toLowerCase().startsWith(typed)) - Number(a.toLowerCase().startsWith(typed)) || byName(a, b),
    );
  const families = counted(
    all.map((host) => host.name.replace(/\d+$/, "*")).filter((family) => family.endsWith("*")),
  ).filter(([family, count]) => count > 1 && family.toLowerCase().startsWith(typed.replaceAll("*", "")));
  const options = [
    ...families.slice(0, NAMES_MAX).map(([family, count]) => put(family, "", count)),
    ...(typed === "" ? [] : names.slice(0, NAMES_MAX).map((name) => put(name, "", 1))),
  ];
  if (options.length > 0) groups.push({ title: "names", options });
  return groups;
}

type Put = (term: string, note: string, count: number, start?: number) => Option;

function ofKey(
  key: string,
  typed: string,
  start: number,
  text: string,
  put: Put,
  all: readonly Named[],
): OptionGroup[] {
  const having = all.filter((host) => host.labels[key] !== undefined);
  const values = counted(having.map((host) => host.labels[key] ?? "")).filter(([value]) =>
    value.toLowerCase().startsWith(typed.toLowerCase()),
  );
  if (values.length === 0) return [];
  const groups: OptionGroup[] = [
    {
      title: `${key} is one of`,
      options: values.slice(0, VALUES_MAX).map(([value, count]) => put(`${key}=${value}`, "", count, start)),
    },
  ];
  const more: Option[] = [];
  if (typed === "" && having.length > 0) more.push(put(`${key}=*`, "any value", having.length, start));
  const [first] = values;
  if (first && values.length > 1 && text[start - 1] !== "!")
    more.push(put(`!${key}=${first[0]}`, "all but", all.length - first[1], start));
  if (more.length > 0) groups.push({ title: "or go on with", options: more });
  return groups;
}

/** Distinct texts with how often each occurs, most frequent first. */
function counted(texts: readonly string[]): [string, number][] {
  const counts = new Map<string, number>();
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1] || byName(a[0], b[0]));
}
