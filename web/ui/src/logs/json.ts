/**
 * JSON in log lines.
 *
 * In: the text of a line. Out: where its keys stand (for the line as drawn), and its values as rows of a table (when
 * it is opened). A prefix such as a time stamp before the `{` is allowed; anything that does not parse is no JSON.
 */

export interface Field {
  /** Keys from the outside in, as in `user.id` or `items[2]`. */
  key: string;
  /** The value as JSON writes it. */
  value: string;
  kind: "string" | "number" | "boolean" | "null" | "empty";
}

export interface JsonPart {
  start: number;
  fields: Field[];
}

// A document with more than this is no line that anyone reads as a table.
const FIELDS = 200;
const DEPTH = 8;

/** Where the keys stand in a line that looks like JSON; quick, for each line that is drawn. */
export function jsonKeys(text: string): [start: number, end: number][] {
  const first = text.indexOf("{");
  if (first < 0 || !text.trimEnd().endsWith("}")) return [];
  const keys: [number, number][] = [];
  const pattern = /"(?:[^"\\]|\\.)*"(?=\s*:)/g;
  pattern.lastIndex = first;
  for (let match = pattern.exec(text); match && keys.length < FIELDS; match = pattern.exec(text)) {
    keys.push([match.index, match.index + match[0].length]);
  }
  return keys;
}

/** The JSON object or array at the end of a line, as a table; null if there is none. */
export function jsonFields(text: string): JsonPart | null {
  const start = text.search(/[[{]/);
  if (start < 0) return null;
  for (const at of [start, text.indexOf("{")]) {
    if (at < 0) continue;
    try {
      const value: unknown = JSON.parse(text.slice(at));
      if (typeof value !== "object" || value === null) continue;
      const fields: Field[] = [];
      flatten(value, "", 0, fields);
      return { start: at, fields };
    } catch {
      // Not from here.
    }
  }
  return null;
}

function flatten(value: unknown, key: string, depth: number, out: Field[]): void {
  if (out.length >= FIELDS) return;
  if (typeof value === "object" && value !== null && depth < DEPTH) {
    const entries = Array.isArray(value) ? value.map((item, i) => [`[${i}]`, item] as const) : Object.entries(value);
    if (entries.length === 0) out.push({ key, value: Array.isArray(value) ? "[]" : "{}", kind: "empty" });
    for (const [name, item] of entries) {
      flatten(item, Array.isArray(value) ? key + name : key ? `${key}.${name}` : name, depth + 1, out);
    }
    return;
  }
  const kind = value === null ? "null" : typeof value === "object" ? "empty" : (typeof value as Field["kind"]);
  out.push({ key, value: JSON.stringify(value), kind });
}
