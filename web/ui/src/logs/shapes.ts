/**
 * What lines look like when their numbers are taken out: `GET /v1/orders/# 200`.
 *
 * In: the text of lines. Out: the commonest shapes with their share. A shape is also a pattern that finds its lines.
 */

// Behind this the lines of one place in a program differ by their data.
const SHAPE_CHARACTERS = 48;
const STAMP =
  /^\W*(?:\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d| UTC)?|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d)\W*/;
const DATA =
  /"(?:[^"\\]|\\.){24,}"|\b0x[0-9a-fA-F]+\b|\b[0-9a-fA-F]{8,}(?:-[0-9a-fA-F]{4,})*\b|(?<![A-Za-z])\d+(?:[.:]\d+)*/g;

// Where a line says what it is about: the message of JSON, else what stands for one; the request of an access log.
const MESSAGE = /"(?:msg|message)"\s*:\s*"((?:[^"\\]|\\.)+)"/;
const SUBJECT = /"(?:error|err|event|route|path|url)"\s*:\s*"((?:[^"\\]|\\.)+)"/;
const REQUEST = /"((?:GET|POST|PUT|DELETE|HEAD|PATCH|OPTIONS) [^" ?]*)[^"]*"/;

export function shapeOf(text: string): string {
  const said = MESSAGE.exec(text)?.[1] ?? SUBJECT.exec(text)?.[1] ?? REQUEST.exec(text)?.[1];
  return (said ?? text.replace(STAMP, "")).replace(DATA, "#").replace(/^#\] /, "").slice(0, SHAPE_CHARACTERS).trim();
}

/** A pattern (RE2) that finds the lines of a shape. */
export function patternOf(shape: string): string {
  return shape
    .split("#")
    .map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"))
    .join(".{1,40}?");
}

export function commonShapes(texts: Iterable<string>, most: number): [shape: string, share: number][] {
  const counts = new Map<string, number>();
  let all = 0;
  for (const text of texts) {
    const shape = shapeOf(text);
    if (!shape) continue;
    counts.set(shape, (counts.get(shape) ?? 0) + 1);
    all++;
  }
  return [...counts]
    .filter(([, count]) => count > 1)
    .sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
    .slice(0, most)
    .map(([shape, count]) => [shape, count / all]);
}
