/**
 * The text of a host filter as its writer sees it: words for colouring, and what is still unfinished.
 *
 * Matching is the hub's, and only the hub says what is wrong with a filter. This module knows where words begin and
 * end, so that the field can colour them, complete the last one, and send what is whole while someone types.
 */

export type WordKind = "space" | "operator" | "key" | "value" | "name";

export interface Word {
  kind: WordKind;
  text: string;
  start: number;
}

/** Split a filter into words; their texts joined are the filter. A label is two words, `role=` and `db`. */
export function words(text: string): Word[] {
  const found: Word[] = [];
  const put = (kind: WordKind, part: string, start: number): void => {
    if (part !== "") found.push({ kind, text: part, start });
  };
  for (const match of text.matchAll(/\s+|[&|!()]|[^\s&|!()]+/g)) {
    const part = match[0];
    const start = match.index;
    if (/^\s/.test(part)) put("space", part, start);
    else if (/^[&|!()]$/.test(part)) put("operator", part, start);
    else {
      const equals = part.indexOf("=");
      if (equals < 0) put("name", part, start);
      else {
        put("key", part.slice(0, equals + 1), start);
        put("value", part.slice(equals + 1), start + equals + 1);
      }
    }
  }
  return found;
}

/**
 * What of a filter is whole: an operator or a label without its value at the end is left out, open parentheses are
 * closed. What is wrong in other ways stays, for the hub to explain.
 */
export function finished(text: string): string {
  let all = words(text).filter((word) => word.kind !== "space");
  for (;;) {
    const last = all.at(-1);
    if (!last) return "";
    const dangling = (last.kind === "operator" && last.text !== ")") || last.kind === "key";
    if (!dangling) break;
    all = all.slice(0, -1);
  }
  const last = all.at(-1);
  const whole = last ? text.slice(0, last.start + last.text.length) : "";
  const open = all.filter((word) => word.text === "(").length - all.filter((word) => word.text === ")").length;
  return whole.trim() + ")".repeat(Math.max(0, open));
}

/** What stands at the cursor: the word to complete, and where it begins and ends in the text. */
export interface AtCursor {
  /** The key of the label being written, without `=`; null while it is a name or a key. */
  key: string | null;
  typed: string;
  start: number;
  end: number;
}

export function atCursor(text: string, cursor: number): AtCursor {
  let start = cursor;
  while (start > 0 && !/[\s&|!()]/.test(text[start - 1]!)) start--;
  let end = cursor;
  while (end < text.length && !/[\s&|!()]/.test(text[end]!)) end++;
  const typed = text.slice(start, cursor);
  const equals = typed.indexOf("=");
  return equals < 0
    ? { key: null, typed, start, end }
    : { key: typed.slice(0, equals), typed: typed.slice(equals + 1), start: start + equals + 1, end };
}

/** Put a term into a filter, combined with what is there. */
export function also(filter: string, term: string): string {
  const now = filter.trim();
  if (now === "" || now === "*") return term;
  return words(now).some((word) => word.text === "|") ? `(${now}) & ${term}` : `${now} & ${term}`;
}

/** A term that means exactly one label or name, in the filter's language. */
export const labelTerm = (key: string, value: string): string => `${key}=${value}`;

/** The operands of a filter that is one `&` or `|` chain without parentheses; null if it is anything else. */
export function operands(text: string): { joined: "&" | "|" | ""; terms: string[] } | null {
  const all = words(text);
  if (all.some((word) => word.text === "(" || word.text === ")")) return null;
  const joins = new Set(all.filter((word) => word.text === "&" || word.text === "|").map((word) => word.text));
  if (joins.size > 1) return null;
  const joined = ([...joins][0] ?? "") as "&" | "|" | "";
  const terms = joined === "" ? [text.trim()] : text.split(joined).map((term) => term.trim());
  return terms.some((term) => term === "") ? null : { joined, terms };
}
